/* What ranking learns from: derivatives of the rows of one query. Private to this folder.
 *
 * A row's derivatives depend on the scores of all rows of its query and on nothing else, in an order that the scores
 * and the rows' order fix: so whoever computes a query, the bits are the same. */
#ifndef PEAL_MODELS_LAMBDA_H
#define PEAL_MODELS_LAMBDA_H

#include "models/learner/ranking.h"

/* How rows are ranked, by LightGBM's names. */
typedef struct models__ranking_rule {
    peal_ranking ranking; /* gains, and the places by which it is judged */
    size_t truncation;    /* pairs count of which one is in the first so many places */
    double sigmoid;       /* the steepness of a pair's loss */
    bool norm;            /* pairs count by how near their scores are, and queries alike */
} models__ranking_rule;

/* A query. */
typedef struct models__query {
    size_t count;
    const double *scores; /* [count] in the order of the data */
    const double *labels; /* [count] */
    const double *random; /* [count] in [0, 1): another one for each row and round */
} models__query;

/* Memory for the queries of one thread, one after the other. */
typedef struct models__query_room {
    size_t capacity;
    peal_ranked *order; /* [capacity], and so the others */
    double *discounts;  /* of places: the same for all queries */
    double *scores, *gains, *slopes, *curves;
    double *pulls, *bends; /* of one row with each of those behind it */
} models__query_room;

/* For queries of up to `longest` rows. PEAL_E_MEMORY. */
peal_status models__query_room_init(models__query_room *room, size_t longest, peal_error *err);
void models__query_room_clear(models__query_room *room);

/* LambdaMART (Burges 2010, MSR-TR-2010-82): of a pair of rows of which the first is worth more, with scores s and t,
 * the loss log(1 + exp(-sigmoid (s - t))), times by how much NDCG over the first `truncation` places would change if
 * the two changed their places. With norm the latter is divided by 0.01 + |s - t| where not all scores are equal, and a
 * query's derivatives are multiplied by log2(1 + z) / z of the sum z of all their sizes. Formulas are LightGBM's.
 *   out [count, 2]: first and second derivatives. Returns 1 - NDCG over the first rule->ranking.at places. */
double models__lambdarank(const models__ranking_rule *rule, const models__query *query, models__query_room *room,
                          double *out);

/* XE-NDCG (Bruch 2021, WWW): the cross entropy between the softmax of the scores and weights 2^label - random. Its
 * derivatives are LightGBM's approximations of third order. As above; `rule` is asked for its places and gains only. */
double models__xendcg(const models__ranking_rule *rule, const models__query *query, models__query_room *room,
                      double *out);

#endif
