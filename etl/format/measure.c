/* The kinds of units, and numbers with them; see measure.h. */
#include "etl/format/measure.h"

#include <string.h>

#include "core/base/number.h"
#include "etl/format/cell.h"

enum { TEXT_MOST = 128, PARTS_MOST = 6 };

#define MICRO "\xC2\xB5"
#define MU "\xCE\xBC"
#define SQUARED "\xC2\xB2"
#define PRIME "\xE2\x80\xB2"
#define DOUBLE_PRIME "\xE2\x80\xB3"
#define RIGHT_QUOTE "\xE2\x80\x99"
#define RIGHT_DOUBLE_QUOTE "\xE2\x80\x9D"

typedef struct unit {
    const char *name; /* NULL ends a list */
    double factor;
} unit;

static const unit times[] = {
    {"ns", 1e-9},     {"us", 1e-6},      {MICRO "s", 1e-6},  {MU "s", 1e-6},      {"ms", 1e-3},
    {"s", 1},         {"sec", 1},        {"secs", 1},        {"second", 1},       {"seconds", 1},
    {"m", 60},        {"min", 60},       {"mins", 60},       {"minute", 60},      {"minutes", 60},
    {"h", 3600},      {"hr", 3600},      {"hrs", 3600},      {"hour", 3600},      {"hours", 3600},
    {"d", 86400},     {"day", 86400},    {"days", 86400},    {"w", 604800},       {"wk", 604800},
    {"wks", 604800},  {"week", 604800},  {"weeks", 604800},  {"mo", 2629800},     {"mos", 2629800},
    {"mth", 2629800}, {"mths", 2629800}, {"month", 2629800}, {"months", 2629800}, {"y", 31557600},
    {"yr", 31557600}, {"yrs", 31557600}, {"year", 31557600}, {"years", 31557600}, {NULL, 0}};
static const unit masses[] = {{"ng", 1e-12},
                              {"ug", 1e-9},
                              {MICRO "g", 1e-9},
                              {MU "g", 1e-9},
                              {"mcg", 1e-9},
                              {"mg", 1e-6},
                              {"g", 1e-3},
                              {"gr", 1e-3},
                              {"gram", 1e-3},
                              {"grams", 1e-3},
                              {"kg", 1},
                              {"kgs", 1},
                              {"kilogram", 1},
                              {"kilograms", 1},
                              {"kilo", 1},
                              {"kilos", 1},
                              {"t", 1e3},
                              {"ton", 1e3},
                              {"tons", 1e3},
                              {"tonne", 1e3},
                              {"tonnes", 1e3},
                              {"oz", 0.028349523125},
                              {"ounce", 0.028349523125},
                              {"ounces", 0.028349523125},
                              {"lb", 0.45359237},
                              {"lbs", 0.45359237},
                              {"lb.", 0.45359237},
                              {"lbs.", 0.45359237},
                              {"pound", 0.45359237},
                              {"pounds", 0.45359237},
                              {"st", 6.35029318},
                              {NULL, 0}};
static const unit lengths[] = {{"um", 1e-6},
                               {MICRO "m", 1e-6},
                               {MU "m", 1e-6},
                               {"mm", 1e-3},
                               {"cm", 1e-2},
                               {"dm", 1e-1},
                               {"m", 1},
                               {"meter", 1},
                               {"meters", 1},
                               {"metre", 1},
                               {"metres", 1},
                               {"km", 1e3},
                               {"kms", 1e3},
                               {"in", 0.0254},
                               {"in.", 0.0254},
                               {"inch", 0.0254},
                               {"inches", 0.0254},
                               {"\"", 0.0254},
                               {"''", 0.0254},
                               {DOUBLE_PRIME, 0.0254},
                               {RIGHT_DOUBLE_QUOTE, 0.0254},
                               {"ft", 0.3048},
                               {"ft.", 0.3048},
                               {"foot", 0.3048},
                               {"feet", 0.3048},
                               {"'", 0.3048},
                               {PRIME, 0.3048},
                               {RIGHT_QUOTE, 0.3048},
                               {"yd", 0.9144},
                               {"yds", 0.9144},
                               {"yard", 0.9144},
                               {"yards", 0.9144},
                               {"mi", 1609.344},
                               {"mi.", 1609.344},
                               {"mile", 1609.344},
                               {"miles", 1609.344},
                               {NULL, 0}};
static const unit areas[] = {
    {"mm2", 1e-6}, {"cm2", 1e-4},       {"m2", 1},           {"m" SQUARED, 1},           {"sqm", 1},
    {"km2", 1e6},  {"km" SQUARED, 1e6}, {"ft2", 0.09290304}, {"ft" SQUARED, 0.09290304}, {"sqft", 0.09290304},
    {"ha", 1e4},   {"hectare", 1e4},    {"hectares", 1e4},   {"acre", 4046.8564224},     {"acres", 4046.8564224},
    {NULL, 0}};
static const unit volumes[] = {{"ul", 1e-6},  {MICRO "l", 1e-6}, {MICRO "L", 1e-6}, {"ml", 1e-3}, {"cl", 1e-2},
                               {"dl", 1e-1},  {"l", 1},          {"L", 1},          {"ltr", 1},   {"liter", 1},
                               {"liters", 1}, {"litre", 1},      {"litres", 1},     {"hl", 100},  {NULL, 0}};
static const unit sizes[] = {{"B", 1},        {"byte", 1},     {"bytes", 1}, {"kB", 1e3},     {"MB", 1e6},
                             {"GB", 1e9},     {"TB", 1e12},    {"PB", 1e15}, {"KiB", 0x1p10}, {"MiB", 0x1p20},
                             {"GiB", 0x1p30}, {"TiB", 0x1p40}, {NULL, 0}};
static const unit rates[] = {{"bps", 1},    {"kbps", 1e3},   {"Mbps", 1e6},   {"Gbps", 1e9},
                             {"bit/s", 1},  {"kbit/s", 1e3}, {"Mbit/s", 1e6}, {"Gbit/s", 1e9},
                             {"kb/s", 1e3}, {"Mb/s", 1e6},   {"Gb/s", 1e9},   {NULL, 0}};
static const unit frequencies[] = {{"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}, {"THz", 1e12}, {NULL, 0}};
static const unit powers[] = {{"uW", 1e-6}, {"mW", 1e-3}, {"W", 1},    {"watt", 1}, {"watts", 1},
                              {"kW", 1e3},  {"MW", 1e6},  {"GW", 1e9}, {NULL, 0}};
static const unit concentrations[] = {
    {"pg/mL", 1e-9}, {"ng/L", 1e-9},       {"ng/mL", 1e-6},   {"ug/L", 1e-6},  {MICRO "g/L", 1e-6},  {MU "g/L", 1e-6},
    {"ug/dL", 1e-5}, {MICRO "g/dL", 1e-5}, {MU "g/dL", 1e-5}, {"ug/mL", 1e-3}, {MICRO "g/mL", 1e-3}, {MU "g/mL", 1e-3},
    {"mg/L", 1e-3},  {"mg/dL", 1e-2},      {"mg/mL", 1},      {"g/L", 1},      {"g/dL", 10},         {NULL, 0}};

static const struct {
    const char *base;
    const unit *units;
} kinds[MEASURE__KINDS] = {{"", NULL},
                           {"seconds", times},
                           {"kilograms", masses},
                           {"metres", lengths},
                           {"square metres", areas},
                           {"litres", volumes},
                           {"bytes", sizes},
                           {"bits a second", rates},
                           {"hertz", frequencies},
                           {"watts", powers},
                           {"grams a litre", concentrations}};
const char *const measure__names[MEASURE__KINDS + 1] = {
    "no", "time", "mass", "length", "area", "volume", "bytes", "rate", "frequency", "power", "concentration", NULL};

const char *measure__base(unsigned kind) {
    return kinds[kind].base;
}

typedef struct span {
    const char *at, *end;
} span;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static void pass_blanks(span *text) {
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\t')) text->at++;
}

/* Digits, perhaps with commas between groups of three, and what is behind a point. */
static bool take_number(span *text, double *out) {
    char plain[TEXT_MOST];
    size_t used = 0, group = 0;
    bool grouped = false, behind = false;
    for (; text->at < text->end; text->at++) {
        const char c = *text->at;
        if (c == ',' && !behind && text->end - text->at > 1 && is_digit(text->at[1])) {
            if (group == 0 || group > 3 || (grouped && group != 3)) return false;
            grouped = true;
            group = 0;
            continue;
        }
        if (!is_digit(c) && (c != '.' || behind)) break;
        if (c == '.' && grouped && group != 3) return false;
        behind = behind || c == '.';
        group += is_digit(c) && !behind;
        plain[used++] = c;
    }
    if (grouped && group != 3) return false;
    return used > 0 && peal_number_parse(plain, used, out);
}

/* What a unit that has this name is in base units; 0: there is none, or it may be one of two. A single letter is what
 * it is: M is no metre. */
static double factor_of(unsigned kind, const char *name, size_t length) {
    double found = 0;
    for (const unit *one = kinds[kind].units; one->name; one++) {
        if (strlen(one->name) == length && memcmp(one->name, name, length) == 0) return one->factor;
    }
    for (const unit *one = kinds[kind].units; one->name && length > 1; one++) {
        char lower[16];
        const size_t size = strlen(one->name);
        for (size_t i = 0; i <= size; i++) {
            const char c = one->name[i];
            lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        const char *words[] = {lower};
        if (!peal_cell_is_one_of(name, length, words, 1)) continue;
        if (found != 0 && found != one->factor) return 0;
        found = one->factor;
    }
    return found;
}

/* The unit ends where a blank, a comma or the next number begins; m2 ends in its digit. */
static double take_unit(unsigned kind, span *text) {
    const char *begin = text->at, *end = begin;
    while (end < text->end && !is_digit(*end) && *end != ' ' && *end != '\t' && *end != ',') end++;
    if (end < text->end && *end == '2' && (end + 1 == text->end || end[1] == ' ')) end++;
    text->at = end;
    return end == begin ? 0 : factor_of(kind, begin, (size_t)(end - begin));
}

bool measure__read(unsigned kind, const char *text, size_t length, double *out, double *factor, bool *several) {
    span left = {text, text + length};
    double before = 0;
    *out = 0;
    *several = false;
    if (length == 0 || length >= TEXT_MOST) return false;
    pass_blanks(&left);
    const bool negative = left.at < left.end && *left.at == '-';
    left.at += negative;
    for (size_t count = 0; count < PARTS_MOST && (count == 0 || left.at < left.end); count++) {
        double number;
        if (!take_number(&left, &number)) return false;
        pass_blanks(&left);
        const double one = take_unit(kind, &left);
        if (one == 0 || (count > 0 && one >= before)) return false;
        if (count == 0) *factor = one;
        *several = count > 0;
        *out += number * one;
        before = one;
        pass_blanks(&left);
        if (left.end - left.at > 1 && *left.at == ',') left.at++;
        pass_blanks(&left);
    }
    if (negative) *out = -*out;
    return left.at == left.end;
}
