#include "etl/source/codec.h"

const peal_codec *const peal_codecs[] = {&peal_codec_gzip, NULL};
