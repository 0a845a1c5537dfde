/* Training a model from C: compressed files in, dataset, model and its accuracy out.
 * usage: train LABEL DATASET MODEL SOURCE... */
#include <stdio.h>

#include "peal.h"

int main(int count, char **words) {
    if (count < 5) return fprintf(stderr, "usage: train LABEL DATASET MODEL SOURCE...\n"), 2;
    peal_error err;
    peal_etl_result made;
    peal_etl_options etl = peal_etl_default();
    etl.sources = (const char *const *)words + 4;
    etl.source_count = (size_t)count - 4;
    etl.plan.label = words[1];
    etl.out = words[2];

    peal_train_result trained;
    peal_train_options train = peal_train_default();
    train.dataset = words[2];
    train.out = words[3];
    train.model = "mlp:hidden=64x32";
    train.valid = "0.2";

    peal_status status = peal_etl(&etl, &made, &err);
    if (status == PEAL_OK) status = peal_train(&train, &trained, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    printf("%zu epochs, accuracy %.3f on rows held out, model %s\n", trained.epochs, trained.valid.accuracy,
           trained.model_sha256);
    return 0;
}
