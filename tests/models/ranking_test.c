/* Ranking: derivatives against sums over all pairs in plain code and against LightGBM's, NDCG and MAP against
 * LightGBM's and by hand, queries against looking for each row. */
#include "models/learner/ranking.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/file.h"
#include "core/base/philox.h"
#include "models/learner/objective.h"
#include "tests/support.h"

enum { ROWS_MOST = 60, GOLDEN_ROWS = 129, SETTINGS = 3, CUTS = 4 };

static models__ranking_rule rule_of(const char *model) {
    peal_error err;
    peal_model_spec spec;
    models__goal goal;
    const peal_shape shape = {.has_label = true, .has_query = true, .label_mean = 1, .label_deviation = 2};
    assert_ok(peal_model_parse(model, &spec, &err));
    assert_ok(models__goal_choose(&spec, &shape, &goal, &err));
    assert_true(goal.shape.label_mean == 0 && goal.shape.label_deviation == 1);
    return goal.rule;
}

/* ---- derivatives ---- */

/* The place of each row: how many stand before it. */
static void find_places(const models__query *query, size_t *places) {
    for (size_t i = 0; i < query->count; i++) {
        places[i] = 0;
        for (size_t j = 0; j < query->count; j++) {
            places[i] += query->scores[j] > query->scores[i] || (query->scores[j] == query->scores[i] && j < i);
        }
    }
}

/* The best NDCG sum over `at` places, by taking the best row that is left. */
static double best_sum(const models__ranking_rule *rule, const models__query *query, size_t at) {
    bool taken[ROWS_MOST] = {0};
    double sum = 0;
    for (size_t place = 0; place < query->count && place < at; place++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < query->count; i++) {
            if (!taken[i] && (best == SIZE_MAX || query->labels[i] > query->labels[best])) best = i;
        }
        taken[best] = true;
        sum += rule->ranking.gains[(size_t)query->labels[best]] / log2((double)place + 2);
    }
    return sum;
}

/* Lambdarank as it is written down, over all pairs of rows. */
static void plain_lambdarank(const models__ranking_rule *rule, const models__query *query, double *out) {
    size_t places[ROWS_MOST];
    double all = 0;
    const double best = best_sum(rule, query, rule->truncation);
    bool differ = false;
    find_places(query, places);
    for (size_t i = 0; i < query->count; i++) differ = differ || query->scores[i] != query->scores[0];
    for (size_t i = 0; i < 2 * query->count; i++) out[i] = 0;
    for (size_t i = 0; i < query->count; i++) {
        for (size_t j = 0; j < query->count; j++) {
            const double gap =
                rule->ranking.gains[(size_t)query->labels[i]] - rule->ranking.gains[(size_t)query->labels[j]];
            if (!(gap > 0) || (places[i] >= rule->truncation && places[j] >= rule->truncation)) continue;
            const double apart = query->scores[i] - query->scores[j];
            double change = gap * fabs(1 / log2((double)places[i] + 2) - 1 / log2((double)places[j] + 2)) / best;
            if (rule->norm && differ) change /= 0.01 + fabs(apart);
            const double wrong = 1 / (1 + exp(rule->sigmoid * apart));
            out[2 * i] -= rule->sigmoid * change * wrong;
            out[2 * j] += rule->sigmoid * change * wrong;
            out[2 * i + 1] += rule->sigmoid * rule->sigmoid * change * wrong * (1 - wrong);
            out[2 * j + 1] += rule->sigmoid * rule->sigmoid * change * wrong * (1 - wrong);
            all += 2 * rule->sigmoid * change * wrong;
        }
    }
    for (size_t i = 0; rule->norm && all > 0 && i < 2 * query->count; i++) out[i] *= log2(1 + all) / all;
}

static void plain_xendcg(const models__ranking_rule *rule, const models__query *query, double *out) {
    double rho[ROWS_MOST], terms[ROWS_MOST], next[ROWS_MOST], sum = 0, wanted = 0;
    const size_t count = query->count;
    (void)rule;
    for (size_t i = 0; i < count; i++) sum += exp(query->scores[i]);
    for (size_t i = 0; i < count; i++) wanted += pow(2, query->labels[i]) - query->random[i];
    for (size_t i = 0; i < count; i++) {
        rho[i] = exp(query->scores[i]) / sum;
        terms[i] = rho[i] - (pow(2, query->labels[i]) - query->random[i]) / wanted;
        out[2 * i] = count < 2 ? 0 : terms[i];
        out[2 * i + 1] = count < 2 ? 0 : rho[i] * (1 - rho[i]);
    }
    for (int order = 2; order <= 3 && count > 1; order++) {
        for (size_t i = 0; i < count; i++) {
            next[i] = 0;
            for (size_t j = 0; j < count; j++) next[i] += j == i ? 0 : rho[i] * terms[j] / (1 - rho[j]);
            out[2 * i] += next[i];
        }
        memcpy(terms, next, count * sizeof *terms);
    }
}

typedef struct drawn {
    double scores[ROWS_MOST], labels[ROWS_MOST], random[ROWS_MOST];
    models__query query;
    bool is_steep; /* scores are far apart: the plain sums of xendcg cancel */
} drawn;

static void draw_query(peal_philox *random, drawn *out) {
    const uint32_t kind = peal_philox_below(random, 4), labels = 1 + peal_philox_below(random, 5);
    out->query = (models__query){1 + peal_philox_below(random, ROWS_MOST), out->scores, out->labels, out->random};
    out->is_steep = kind == 2;
    for (size_t i = 0; i < out->query.count; i++) {
        const double score = (double)peal_philox_normal(random);
        out->scores[i] = kind == 0 ? 0.5 : kind == 1 ? round(score) : kind == 2 ? 20 * score : score;
        out->labels[i] = peal_philox_below(random, labels);
        out->random[i] = (double)peal_philox_unit(random);
    }
}

static void compare(const double *got, const double *wanted, size_t count) {
    for (size_t i = 0; i < 2 * count; i++) {
        if (fabs(got[i] - wanted[i]) <= 1e-10 * (1 + fabs(wanted[i]))) continue;
        fail_msg("derivative %zu of row %zu is %.17g, and not %.17g", i % 2, i / 2, got[i], wanted[i]);
    }
}

static void derivatives_are_those_of_all_pairs(void **state) {
    (void)state;
    static const char *const models[] = {
        "trees:objective=lambdarank", "trees:objective=lambdarank,norm=false,truncation=3",
        "trees:objective=rank:ndcg,sigmoid=2,lambdarank_truncation_level=1,label_gain=0x1x1x5x5.5"};
    peal_error err;
    models__query_room room;
    peal_philox random = peal_philox_stream(11, PEAL_PURPOSE_USER, 0, 0, 0);
    assert_ok(models__query_room_init(&room, ROWS_MOST, &err));
    for (size_t i = 0; i < 900; i++) {
        static drawn one;
        double got[2 * ROWS_MOST], wanted[2 * ROWS_MOST];
        const models__ranking_rule rule = rule_of(models[i % 3]);
        draw_query(&random, &one);
        const double loss = models__lambdarank(&rule, &one.query, &room, got);
        plain_lambdarank(&rule, &one.query, wanted);
        compare(got, wanted, one.query.count);
        assert_true(loss >= -1e-12 && loss <= 1);
        assert_true(models__xendcg(&rule, &one.query, &room, got) == loss);
        plain_xendcg(&rule, &one.query, wanted);
        if (!one.is_steep) compare(got, wanted, one.query.count);
    }
    models__query_room_clear(&room);
}

static void scores_out_of_bounds_give_numbers(void **state) {
    (void)state;
    peal_error err;
    models__query_room room;
    const models__ranking_rule rule = rule_of("trees:objective=lambdarank");
    const double scores[] = {1e300, -1e300, 0, 1e300}, labels[] = {0, 3, 1, 2}, drawn_at_random[4] = {0};
    const models__query query = {4, scores, labels, drawn_at_random};
    double out[8];
    assert_ok(models__query_room_init(&room, 4, &err));
    models__lambdarank(&rule, &query, &room, out);
    for (size_t i = 0; i < 8; i++) assert_true(isfinite(out[i]));
    models__xendcg(&rule, &query, &room, out);
    for (size_t i = 0; i < 8; i++) assert_true(isfinite(out[i]));
    models__query_room_clear(&room);
}

/* ---- LightGBM's ---- */

typedef struct golden {
    double ndcg[SETTINGS][CUTS], map[SETTINGS][CUTS]; /* at 1, 3, 5, 10 */
    size_t rows;
    uint32_t queries[GOLDEN_ROWS];
    double labels[GOLDEN_ROWS], scores[GOLDEN_ROWS];
    int leaves[SETTINGS][GOLDEN_ROWS];
    double values[SETTINGS][GOLDEN_ROWS];
} golden;

static const char *const setting_models[SETTINGS] = {"trees:objective=lambdarank",
                                                     "trees:objective=lambdarank,norm=no,truncation=3,sigmoid=2",
                                                     "trees:objective=lambdarank,label_gain=0x1x2x3x10,truncation=5"};

static double after(const char *line, const char *key) {
    const char *at = strstr(line, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void read_golden(golden *out) {
    static const int cuts[CUTS] = {1, 3, 5, 10};
    peal_error err;
    peal_buffer text = {0};
    memset(out, 0, sizeof *out);
    assert_ok(peal_file_read("tests/data/ranking/lightgbm.csv", &text, &err));
    assert_ok(peal_buffer_append(&text, "", 1, &err));
    size_t number = 0;
    char *rest = NULL;
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), number++) {
        for (size_t k = 0; number < SETTINGS && k < CUTS; k++) {
            char key[16];
            snprintf(key, sizeof key, " ndcg@%d=", cuts[k]);
            out->ndcg[number][k] = after(line, key);
            snprintf(key, sizeof key, " map@%d=", cuts[k]);
            out->map[number][k] = after(line, key);
        }
        if (number <= SETTINGS) continue;
        const size_t row = out->rows++;
        char *at = line;
        assert_true(row < GOLDEN_ROWS);
        out->queries[row] = (uint32_t)strtoul(at, &at, 10);
        out->labels[row] = strtod(at + 1, &at);
        out->scores[row] = strtod(at + 1, &at);
        for (size_t s = 0; s < SETTINGS; s++) {
            out->leaves[s][row] = (int)strtol(at + 1, &at, 10);
            out->values[s][row] = strtod(at + 1, &at);
        }
    }
    assert_int_equal(out->rows, GOLDEN_ROWS);
    peal_buffer_clear(&text);
}

/* LightGBM looks its sigmoid up in a table, and keeps derivatives as floats. */
static void leaves_are_those_of_lightgbm(void **state) {
    (void)state;
    static golden all;
    peal_error err;
    models__query_room room;
    read_golden(&all);
    assert_ok(models__query_room_init(&room, ROWS_MOST, &err));
    for (size_t s = 0; s < SETTINGS; s++) {
        const models__ranking_rule rule = rule_of(setting_models[s]);
        double sums[32][2] = {{0}}, derivatives[2 * ROWS_MOST];
        for (size_t begin = 0, end; begin < GOLDEN_ROWS; begin = end) {
            for (end = begin; end < GOLDEN_ROWS && all.queries[end] == all.queries[begin];) end++;
            const models__query query = {end - begin, all.scores + begin, all.labels + begin, NULL};
            models__lambdarank(&rule, &query, &room, derivatives);
            for (size_t i = begin; i < end; i++) {
                sums[all.leaves[s][i]][0] += derivatives[2 * (i - begin)];
                sums[all.leaves[s][i]][1] += derivatives[2 * (i - begin) + 1];
            }
        }
        for (size_t i = 0; i < GOLDEN_ROWS; i++) {
            const double *sum = sums[all.leaves[s][i]], value = -sum[0] / (sum[1] + 1);
            assert_true(fabs(value - all.values[s][i]) <= 2e-4 * (1 + fabs(value)));
        }
    }
    models__query_room_clear(&room);
}

/* The rows in an order in which no two of a query stand together: theirs stays. */
static void mix(const golden *from, golden *to) {
    size_t at = 0;
    for (size_t turn = 0; at < GOLDEN_ROWS; turn++) {
        for (size_t begin = 0, end; begin < GOLDEN_ROWS; begin = end) {
            for (end = begin; end < GOLDEN_ROWS && from->queries[end] == from->queries[begin];) end++;
            if (turn >= end - begin) continue;
            to->queries[at] = from->queries[begin + turn];
            to->labels[at] = from->labels[begin + turn];
            to->scores[at++] = from->scores[begin + turn];
        }
    }
}

/* Reads the queries as a column of texts "q0", "q1"... in two parts. */
static void read_queries(const uint32_t *queries, size_t count, peal_query_reading *out) {
    peal_error err;
    for (size_t part = 0; part < 2; part++) {
        const size_t begin = part ? count / 3 : 0, end = part ? count : count / 3;
        char bytes[8 * GOLDEN_ROWS];
        int32_t offsets[GOLDEN_ROWS + 1] = {0};
        for (size_t i = begin; i < end; i++) {
            const int used = snprintf(bytes + offsets[i - begin], 8, "q%u", queries[i]);
            offsets[i - begin + 1] = offsets[i - begin] + used;
        }
        const peal_column column = {
            .name = "q", .type = PEAL_TYPE_UTF8, .length = end - begin, .offsets = offsets, .values = bytes};
        assert_ok(peal_query_reading_add(out, &column, &err));
    }
}

static void metrics_are_those_of_lightgbm(void **state) {
    (void)state;
    static golden all, mixed;
    read_golden(&all);
    mix(&all, &mixed);
    const golden *const orders[] = {&all, &mixed};
    for (size_t s = 0; s < 2 * SETTINGS; s++) {
        peal_error err;
        const golden *one = orders[s % 2];
        const models__ranking_rule rule = rule_of(setting_models[s / 2]);
        peal_query_reading reading = {0};
        peal_queries queries;
        peal_ranking_scores found;
        read_queries(one->queries, GOLDEN_ROWS, &reading);
        assert_ok(peal_queries_make(&reading, NULL, GOLDEN_ROWS, &queries, &err));
        assert_int_equal(queries.count, 10);
        assert_int_equal(queries.longest, 40);
        assert_ok(peal_ranking_measure(&rule.ranking, &queries, one->scores, one->labels, &found, &err));
        assert_int_equal(found.cuts, CUTS);
        for (size_t k = 0; k < CUTS; k++) {
            assert_true(fabs(found.ndcg[k] - all.ndcg[s / 2][k]) < 1e-9);
            assert_true(fabs(found.map[k] - all.map[s / 2][k]) < 1e-9);
        }
        peal_queries_clear(&queries);
        peal_query_reading_clear(&reading);
    }
}

/* ---- by hand ---- */

static void metrics_are_what_they_are_by_hand(void **state) {
    (void)state;
    peal_error err;
    peal_ranking ranking = peal_ranking_default();
    const uint32_t names[] = {0, 0, 0, 0, 1, 1};
    const double scores[] = {1, 3, (double)NAN, 2, 5, 5}, labels[] = {2, 0, 1, 1, 0, 0};
    peal_query_reading reading = {0};
    peal_queries queries;
    peal_ranking_scores found;
    ranking.at = 2;
    read_queries(names, 6, &reading);
    assert_ok(peal_queries_make(&reading, NULL, 6, &queries, &err));
    assert_ok(peal_ranking_measure(&ranking, &queries, scores, labels, &found, &err));
    assert_int_equal(found.cuts, 5);
    assert_int_equal(found.at[found.chosen], 2);
    /* In the first query stand 0, 1, 2 and, without a score, 1; in the second one nothing is relevant. */
    const double sum = 1 / log2(3), best = 3 + 1 / log2(3);
    assert_true(fabs(found.ndcg[found.chosen] - (sum / best + 1) / 2) < 1e-12);
    assert_true(fabs(found.map[found.chosen] - (0.5 / 2 + 1) / 2) < 1e-12);
    const double all = sum + 3 / log2(4) + 1 / log2(5), most = 3 + 1 / log2(3) + 1 / log2(4);
    assert_true(fabs(found.ndcg[4] - (all / most + 1) / 2) < 1e-12);
    assert_true(fabs(found.map[4] - ((1.0 / 2 + 2.0 / 3 + 3.0 / 4) / 3 + 1) / 2) < 1e-12);
    peal_queries_clear(&queries);
    /* Of some rows only; a query of which none is left is no query. */
    const uint32_t list[] = {3, 5, 4};
    assert_ok(peal_queries_make(&reading, list, 3, &queries, &err));
    assert_int_equal(queries.count, 2);
    assert_true(queries.rows[0] == 0 && queries.rows[1] == 1 && queries.rows[2] == 2);
    peal_queries_clear(&queries);
    assert_ok(peal_queries_make(&reading, list + 1, 2, &queries, &err));
    assert_int_equal(queries.count, 1);
    assert_int_equal(queries.first[1], 2);
    peal_queries_clear(&queries);
    peal_query_reading_clear(&reading);
}

static void labels_have_gains(void **state) {
    (void)state;
    const peal_ranking usual = peal_ranking_default();
    const peal_ranking few = rule_of("trees:objective=lambdarank,label_gain=0x1x7,eval_at=4").ranking;
    assert_true(peal_ranking_takes(&usual, 30) && !peal_ranking_takes(&usual, 31));
    assert_true(!peal_ranking_takes(&usual, -1) && !peal_ranking_takes(&usual, 0.5));
    assert_true(!peal_ranking_takes(&usual, (double)NAN));
    assert_true(peal_ranking_takes(&few, 2) && !peal_ranking_takes(&few, 3));
    assert_true(few.gains[2] == 7 && few.at == 4 && usual.gains[30] == 1073741823);
}

static void wrong_wishes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model, *message;
    } wishes[] = {
        {"trees:objective=mae,truncation=5", "truncation is of the objective lambdarank, not of 'absolute'"},
        {"trees:sigmoid=2", "sigmoid is of the objective lambdarank, not of 'trees'"},
        {"trees:objective=rank_xendcg,norm=0", "norm is of the objective lambdarank, not of 'rank_xendcg'"},
        {"trees:objective=mse,at=3", "at is of the objective lambdarank or rank_xendcg, not of 'squared'"},
        {"trees:label_gain=0x1", "label_gain is of the objective lambdarank or rank_xendcg, not of 'trees'"},
        {"trees:objective=lambdarank,label_gain=0x3x1", "label_gain must not fall: 1 stands behind 3"},
        {"trees:objective=lambdarank,label_gain=0xx1", "up to 32 numbers from 0 to 1e+12 joined with x"},
        {"trees:objective=lambdarank,norm=maybe", "no norm is called 'maybe'"},
        {"trees:objective=rank:map", "no objective is called 'rank:map'"},
    };
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        peal_error err;
        peal_model_spec spec;
        peal_status status = peal_model_parse(wishes[i].model, &spec, &err);
        if (status == PEAL_OK) status = models__goal_check(&spec, &err);
        assert_int_equal(status, PEAL_E_USAGE);
        if (!strstr(err.message, wishes[i].message)) fail_msg("%s: %s", wishes[i].model, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_all_pairs), cmocka_unit_test(scores_out_of_bounds_give_numbers),
        cmocka_unit_test(leaves_are_those_of_lightgbm),       cmocka_unit_test(metrics_are_those_of_lightgbm),
        cmocka_unit_test(metrics_are_what_they_are_by_hand),  cmocka_unit_test(labels_have_gains),
        cmocka_unit_test(wrong_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
