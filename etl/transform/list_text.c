/* Members of lists that are texts; see list_text.h. */
#include "etl/transform/list_text.h"

#include <string.h>

enum {
    MEMBER_LONGEST = 48, /* bytes: what is longer is a sentence */
    MEMBERS_MOST = 1000,
    SAMPLE = 200,     /* texts that show whether it is worth going on */
    LISTS_SHARE = 5,  /* one text in so many has several members */
    TEXTS_LEAST = 20, /* fewer are categories */
    ROWS_EACH_MOST = 20,
};

/* In the order in which they are preferred. */
static const char separators[PEAL_LIST_SEPARATORS] = {'|', ';', ','};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool peal_list_next(peal_text *rest, char separator, peal_text *member) {
    while (rest->length > 0) {
        const char *end = memchr(rest->data, separator, rest->length);
        const uint32_t length = end ? (uint32_t)(end - rest->data) : rest->length, taken = length + (end != NULL);
        *member = (peal_text){rest->data, length};
        rest->data += taken;
        rest->length -= taken;
        while (member->length > 0 && is_blank(*member->data)) {
            member->data++;
            member->length--;
        }
        while (member->length > 0 && is_blank(member->data[member->length - 1])) member->length--;
        if (member->length > 0) return true;
    }
    return false;
}

void peal_list_votes_clear(peal_list_votes *votes) {
    for (size_t i = 0; i < PEAL_LIST_SEPARATORS; i++) peal_dictionary_clear(&votes->ways[i].members);
}

static bool has_letter(peal_text text) {
    for (uint32_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80) return true;
    }
    return false;
}

/* Commas stand within numbers, too, so that their members must be words. */
static bool may_be_member(peal_text member, char separator) {
    return member.length <= MEMBER_LONGEST && (separator != ',' || has_letter(member));
}

static peal_status add_way(struct peal_list_way *way, char separator, peal_text text, peal_error *err) {
    peal_text member;
    uint32_t code;
    size_t count = 0;
    for (; peal_list_next(&text, separator, &member); count++) {
        way->closed = way->closed || !may_be_member(member, separator) || way->members.size == MEMBERS_MOST;
        if (way->closed) return PEAL_OK;
        PEAL_TRY(peal_dictionary_put(&way->members, member.data, member.length, &code, err));
    }
    way->lists += count > 1;
    return PEAL_OK;
}

peal_status peal_list_votes_add(peal_list_votes *votes, peal_text text, uint64_t rows, peal_error *err) {
    votes->texts++;
    votes->rows += rows;
    for (size_t i = 0; i < PEAL_LIST_SEPARATORS; i++) {
        struct peal_list_way *way = &votes->ways[i];
        if (!way->closed) PEAL_TRY(add_way(way, separators[i], text, err));
        if (votes->texts < SAMPLE) continue;
        way->closed = way->closed || way->lists * LISTS_SHARE < votes->texts || way->members.size > votes->texts;
    }
    return PEAL_OK;
}

bool peal_list_votes_are_open(const peal_list_votes *votes) {
    for (size_t i = 0; i < PEAL_LIST_SEPARATORS; i++) {
        if (!votes->ways[i].closed) return true;
    }
    return false;
}

char peal_list_votes_decide(const peal_list_votes *votes) {
    if (votes->texts <= TEXTS_LEAST || votes->rows > ROWS_EACH_MOST * votes->texts) return '\0';
    for (size_t i = 0; i < PEAL_LIST_SEPARATORS; i++) {
        const struct peal_list_way *way = &votes->ways[i];
        const bool are_lists = way->lists * LISTS_SHARE >= votes->texts,
                   recur = way->members.size * 3 <= votes->texts * 2;
        if (!way->closed && are_lists && recur) return separators[i];
    }
    return '\0';
}
