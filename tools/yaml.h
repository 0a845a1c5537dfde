/* YAML files as JSON values: mappings, lists and texts. */
#ifndef PEAL_TOOLS_YAML_H
#define PEAL_TOOLS_YAML_H

#include <jansson.h>

#include "core/base/status.h"

/* Reads a file that holds one mapping. Scalars stay texts. PEAL_E_USAGE names file and line. libyaml does the parsing:
 * what may stand in a job is known to the option table already, so a second schema for a mapping library would repeat
 * it. */
peal_status tools_yaml_read(const char *path, json_t **out, peal_error *err);

#endif
