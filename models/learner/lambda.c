/* See lambda.h. */
#include "models/learner/lambda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/memory.h"
#include "core/base/vector.h"

peal_status models__query_room_init(models__query_room *room, size_t longest, peal_error *err) {
    double **const arrays[] = {&room->discounts, &room->scores, &room->gains, &room->slopes,
                               &room->curves,    &room->pulls,  &room->bends};
    *room = (models__query_room){.capacity = longest};
    PEAL_TRY(peal_alloc_checked(&room->order, longest, sizeof *room->order, "the rows of a query", err));
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        PEAL_TRY(peal_alloc_checked(arrays[i], longest, sizeof(double), "the rows of a query", err));
    }
    for (size_t place = 0; place < longest; place++) room->discounts[place] = peal_ranking_discount(place);
    return PEAL_OK;
}

void models__query_room_clear(models__query_room *room) {
    free(room->order);
    free(room->discounts);
    free(room->scores);
    free(room->gains);
    free(room->slopes);
    free(room->curves);
    free(room->pulls);
    free(room->bends);
    *room = (models__query_room){0};
}

static void put_in_order(const models__query *query, models__query_room *room) {
    for (size_t i = 0; i < query->count; i++) room->order[i] = (peal_ranked){query->scores[i], (uint32_t)i};
    peal_ranked_sort(room->order, query->count);
}

/* ---- lambdarank; what follows is by places, the highest score first ---- */

/* What the pairs of a query have in common. */
typedef struct pairs {
    double best;        /* 1 over the gain of the best order */
    double sigmoid;     /* steepness */
    double alone, near; /* a pair counts over alone + near times the distance of its scores */
} pairs;

/* The pairs of place `at` with all behind it: what each adds to the other's derivatives, which get it, and to its own,
 * in pulls and bends. A loop without branches over neighbouring places, for vector code. */
PEAL_VECTOR static void pair_place(const pairs *p, const models__query_room *room, size_t at, size_t count) {
    const double *scores = room->scores, *gains = room->gains, *discounts = room->discounts;
    const double own_score = scores[at], own_gain = gains[at], own_discount = discounts[at];
    const double best = p->best, sigmoid = p->sigmoid, alone = p->alone, near = p->near;
    double *slopes = room->slopes, *curves = room->curves;
    double *pulls = room->pulls, *bends = room->bends;
    PEAL_INDEPENDENT
    for (size_t j = at + 1; j < count; j++) {
        const double gap = own_gain - gains[j], sign = gap > 0 ? 1 : -1;
        const double apart = sign * (own_score - scores[j]); /* of the one that is worth more from the other */
        const double change = fabs(gap) * fabs(own_discount - discounts[j]) * best / (alone + near * fabs(apart));
        const double wrong = 1 / (1 + peal_exp(sigmoid * apart));
        const double pull = -sigmoid * change * wrong;
        const double bend = sigmoid * sigmoid * change * wrong * (1 - wrong);
        pulls[j] = sign * pull;
        bends[j] = bend;
        slopes[j] -= sign * pull;
        curves[j] += bend;
    }
}

/* Sums over all pairs, in the order of their places. Returns the sum of the sizes of all first derivatives. */
static double add_pairs(const pairs *p, const models__query_room *room, size_t places, size_t count) {
    double all = 0;
    for (size_t at = 0; at < places; at++) {
        double slope = 0, curve = 0;
        pair_place(p, room, at, count);
        for (size_t j = at + 1; j < count; j++) {
            slope += room->pulls[j];
            curve += room->bends[j];
            all += 2 * fabs(room->pulls[j]);
        }
        room->slopes[at] += slope;
        room->curves[at] += curve;
    }
    return all;
}

double models__lambdarank(const models__ranking_rule *rule, const models__query *query, models__query_room *room,
                          double *out) {
    static const double log_2 = 0.69314718055994530942;
    const size_t count = query->count;
    const double best = peal_ranking_best(&rule->ranking, query->labels, count, rule->truncation);
    put_in_order(query, room);
    for (size_t place = 0; place < count; place++) {
        room->scores[place] = room->order[place].score;
        room->gains[place] = rule->ranking.gains[(size_t)query->labels[room->order[place].row]];
        room->slopes[place] = room->curves[place] = 0;
    }
    const bool differ = count && room->scores[0] != room->scores[count - 1];
    const bool nears = rule->norm && differ;
    const pairs p = {
        .best = best > 0 ? 1 / best : 0, .sigmoid = rule->sigmoid, .alone = nears ? 0.01 : 1, .near = nears ? 1 : 0};
    const size_t places = count < rule->truncation + 1 ? count : rule->truncation;
    const double all = add_pairs(&p, room, places, count);
    const double factor = rule->norm && all > 0 ? peal_log(1 + all) / log_2 / all : 1;
    for (size_t place = 0; place < count; place++) {
        double *own = out + 2 * room->order[place].row;
        own[0] = factor * room->slopes[place];
        own[1] = factor * room->curves[place];
    }
    return 1 - peal_ranking_ndcg(&rule->ranking, room->order, query->labels, count, rule->ranking.at);
}

/* ---- xendcg; by rows ---- */

/* The softmax of the scores, in `out`. */
static void soften(const models__query *query, double *out) {
    double most = query->scores[0], sum = 0;
    for (size_t i = 1; i < query->count; i++) most = fmax(most, query->scores[i]);
    for (size_t i = 0; i < query->count; i++) {
        sum += out[i] = peal_exp(query->scores[i] - most);
    }
    for (size_t i = 0; i < query->count; i++) out[i] /= sum;
}

#define SMALLEST 1e-15

/* Each order's term of a row is made of the terms of all other rows of the order before: their sum over 1 - rho. */
static double add_order(const double *rho, const double *terms, size_t count, double *parts) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i] = terms[i] / fmax(1 - rho[i], SMALLEST);
        sum += parts[i];
    }
    return sum;
}

double models__xendcg(const models__ranking_rule *rule, const models__query *query, models__query_room *room,
                      double *out) {
    const size_t count = query->count;
    double *rho = room->scores, *wanted = room->gains, *terms = room->slopes, *parts = room->curves, all = 0;
    memset(out, 0, 2 * count * sizeof *out);
    put_in_order(query, room);
    const double loss = 1 - peal_ranking_ndcg(&rule->ranking, room->order, query->labels, count, rule->ranking.at);
    if (count < 2) return loss;
    soften(query, rho);
    for (size_t i = 0; i < count; i++) {
        wanted[i] = (double)(UINT64_C(1) << (unsigned)query->labels[i]) - query->random[i];
        all += wanted[i];
    }
    for (size_t i = 0; i < count; i++) out[2 * i] = terms[i] = rho[i] - wanted[i] / fmax(all, SMALLEST);
    for (int order = 2; order <= 3; order++) {
        const double sum = add_order(rho, terms, count, parts);
        for (size_t i = 0; i < count; i++) {
            terms[i] = rho[i] * (sum - parts[i]);
            out[2 * i] += terms[i];
        }
    }
    for (size_t i = 0; i < count; i++) out[2 * i + 1] = rho[i] * (1 - rho[i]);
    return loss;
}
