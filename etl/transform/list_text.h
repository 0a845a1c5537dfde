/* Lists as texts: Action|Drama|Comedy. A text's members, and whether a column's texts are lists of few members that
 * recur. */
#ifndef PEAL_ETL_TRANSFORM_LIST_TEXT_H
#define PEAL_ETL_TRANSFORM_LIST_TEXT_H

#include "etl/table/dictionary.h"

/* The next member of the list, without blanks around it; false at the end. Empty members are passed over. */
bool peal_list_next(peal_text *rest, char separator, peal_text *member);

/* What a column's distinct texts say of its being lists, for each separator. Begins as all 0. */
enum { PEAL_LIST_SEPARATORS = 3 };
typedef struct peal_list_votes {
    uint64_t texts, rows;
    struct peal_list_way {
        peal_dictionary members;
        uint64_t lists; /* texts of several members */
        bool closed;    /* they are none, whatever comes */
    } ways[PEAL_LIST_SEPARATORS];
} peal_list_votes;

void peal_list_votes_clear(peal_list_votes *votes);
/* Adds a text that is there and that so many rows hold. Each text once, in an order that has nothing to do with what
 * they say. */
peal_status peal_list_votes_add(peal_list_votes *votes, peal_text text, uint64_t rows, peal_error *err);
/* False if no further text can make lists of them. */
bool peal_list_votes_are_open(const peal_list_votes *votes);
/* What stands between the members, if the texts are lists: one in five has several members, there are more than twenty
 * different texts, more of them than members by half, so that lists share these; and so few rows have the same one
 * (twenty on average) that it is no category: with so many, a lookup of whole texts learns as much. 0: they are not. */
char peal_list_votes_decide(const peal_list_votes *votes);

#endif
