/* Rows of the tables of a page. A table is a grid: a cell may take several columns or rows of it (WHATWG HTML, 4.9.12).
 * The rows at its beginning whose cells are all <th>, or that stand in <thead>, are the names of its columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "etl/source/pages/page.h"

enum { COLUMNS = PAGES__COLUMNS_MOST, SPAN_ROWS_MOST = 65534 };

/* One column of the grid, at the row that is read. */
typedef struct column {
    peal_buffer text;
    bool has, again; /* again: the cell stands in a row above, too */
    unsigned left;   /* rows that it goes on for */
    peal_buffer name;
} column;

typedef struct grid {
    const pages__document *document;
    const pages__url *url;
    peal_buffer *rows;
    column *columns; /* [COLUMNS] */
    size_t width;    /* of the row */
    size_t names;    /* columns that have one */
    uint32_t number; /* of the table in the page, from 1 */
    bool began;      /* a row that is none of names was met */
} grid;

static unsigned span_of(const GumboNode *cell, const char *name, unsigned most) {
    const char *text = pages__attribute(cell, name);
    const unsigned long span = text ? strtoul(text, NULL, 10) : 1;
    return span == 0 || (text && *text == '-') ? 1 : span > most ? most : (unsigned)span;
}

/* The next column that no cell from above has. */
static size_t skip_taken(const grid *self, size_t at) {
    while (at < COLUMNS && self->columns[at].again) at++;
    return at;
}

/* Puts a cell into its columns; in a row of names each of them has it, else the first one. */
static peal_status put_cell(grid *self, const GumboNode *cell, bool names, size_t *at, peal_error *err) {
    const unsigned wide = span_of(cell, "colspan", COLUMNS), high = span_of(cell, "rowspan", SPAN_ROWS_MOST);
    *at = skip_taken(self, *at);
    for (unsigned i = 0; i < wide && *at < COLUMNS; i++, ++*at) {
        column *one = &self->columns[*at];
        if (one->again) break; /* cells that overlap: the one above stays */
        one->left = high - 1;
        one->has = true;
        one->text.size = 0;
        if (i == 0 || names) PEAL_TRY(pages__append_text(self->document, cell, &one->text, err));
    }
    if (*at > self->width) self->width = *at;
    return PEAL_OK;
}

/* Cells from above go on. */
static void begin_row(grid *self) {
    self->width = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        column *one = &self->columns[i];
        one->again = one->left > 0;
        one->has = one->again;
        if (one->again) one->left--;
        if (one->again) self->width = i + 1;
        if (!one->again) one->text.size = 0;
    }
}

/* Names of several rows are joined: "2024 sales". */
static peal_status join_names(grid *self, peal_error *err) {
    for (size_t i = 0; i < self->width; i++) {
        column *one = &self->columns[i];
        if (one->again || one->text.size == 0) continue;
        if (one->name.size) PEAL_TRY(peal_buffer_append(&one->name, " ", 1, err));
        PEAL_TRY(peal_buffer_append(&one->name, one->text.data, one->text.size, err));
    }
    if (self->width > self->names) self->names = self->width;
    return PEAL_OK;
}

static peal_status put_names(grid *self, peal_error *err) {
    self->began = true;
    PEAL_TRY(pages__put_count(self->rows, (uint16_t)(PAGES__NAMES | self->names), err));
    for (size_t i = 0; i < self->names; i++) {
        const peal_buffer *name = &self->columns[i].name;
        PEAL_TRY(pages__put_text(self->rows, (const char *)name->data, name->size, false, err));
    }
    return PEAL_OK;
}

static peal_status put_values(grid *self, peal_error *err) {
    if (!self->began) PEAL_TRY(put_names(self, err));
    while (self->width > 0 && self->columns[self->width - 1].text.size == 0) self->width--;
    if (self->width == 0) return PEAL_OK;
    PEAL_TRY(pages__put_count(self->rows, (uint16_t)(2 + self->width), err));
    PEAL_TRY(pages__put_text(self->rows, self->url->text, self->url->length, false, err));
    PEAL_TRY(pages__put_number(self->rows, self->number, err));
    for (size_t i = 0; i < self->width; i++) {
        const peal_buffer *text = &self->columns[i].text;
        PEAL_TRY(pages__put_text(self->rows, (const char *)text->data, text->size, true, err));
    }
    return pages__check_rows(self->rows, err);
}

static bool is_cell(const GumboNode *node) {
    return pages__is_tag(node, GUMBO_TAG_TD) || pages__is_tag(node, GUMBO_TAG_TH);
}

static bool is_row_of_names(const grid *self, const GumboNode *row) {
    bool any = false, all = true;
    if (self->began) return false;
    if (pages__is_tag(row->parent, GUMBO_TAG_THEAD)) return true;
    for (const GumboNode *cell = pages__first_child(row); cell; cell = pages__next_sibling(cell)) {
        if (!is_cell(cell)) continue;
        any = true;
        all = all && pages__is_tag(cell, GUMBO_TAG_TH);
    }
    return any && all;
}

static peal_status read_row(grid *self, const GumboNode *row, peal_error *err) {
    const bool names = is_row_of_names(self, row);
    size_t at = 0;
    begin_row(self);
    for (const GumboNode *cell = pages__first_child(row); cell; cell = pages__next_sibling(cell)) {
        if (is_cell(cell)) PEAL_TRY(put_cell(self, cell, names, &at, err));
    }
    return names ? join_names(self, err) : put_values(self, err);
}

/* The rows of this table; those of tables in its cells are theirs. */
static peal_status read_table(grid *self, const GumboNode *table, peal_error *err) {
    bool inside = true;
    PEAL_TRY(pages__document_check(self->document, err));
    for (size_t i = 0; i < COLUMNS; i++) {
        self->columns[i].left = 0;
        self->columns[i].name.size = 0;
    }
    self->names = 0;
    self->began = false;
    for (const GumboNode *node = pages__next(table, table, true); node; node = pages__next(table, node, inside)) {
        const bool is_row = pages__is_tag(node, GUMBO_TAG_TR);
        inside = !is_row && !pages__is_tag(node, GUMBO_TAG_TABLE);
        if (is_row) PEAL_TRY(read_row(self, node, err));
    }
    return PEAL_OK;
}

/* A table that only arranges a page says so. */
static bool is_layout(const GumboNode *table) {
    const char *role = pages__attribute(table, "role");
    return role && (strcasecmp(role, "presentation") == 0 || strcasecmp(role, "none") == 0);
}

static peal_status read_tables(grid *self, peal_error *err) {
    const GumboNode *root = self->document->root;
    for (const GumboNode *node = root; node; node = pages__next(root, node, true)) {
        if (!pages__is_tag(node, GUMBO_TAG_TABLE)) continue;
        self->number++;
        if (!is_layout(node)) PEAL_TRY(read_table(self, node, err));
    }
    return PEAL_OK;
}

peal_status pages__tables_read(const pages__document *document, const pages__url *url, peal_buffer *rows,
                               peal_error *err) {
    grid self = {.document = document, .url = url, .rows = rows};
    PEAL_TRY(peal_zeroed_checked(&self.columns, COLUMNS, sizeof *self.columns, "a table", err));
    const peal_status status = read_tables(&self, err);
    for (size_t i = 0; i < COLUMNS; i++) {
        peal_buffer_clear(&self.columns[i].text);
        peal_buffer_clear(&self.columns[i].name);
    }
    free(self.columns);
    return status;
}
