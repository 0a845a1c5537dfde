/* A tree of a model, for `peal inspect MODEL --tree N`. */
#ifndef PEAL_TOOLS_TREE_H
#define PEAL_TOOLS_TREE_H

#include "tools/options.h"

/* Prints the tree as text, as a graph for Graphviz (to=dot), or as JSON. */
peal_status tools_inspect_tree(const tools_options *options, peal_error *err);

#endif
