/* A cursor walks over the text; each part takes what it knows or fails. See date_text.h. */
#include "etl/transform/date_text.h"

#include <math.h>
#include <string.h>

#include "etl/table/table.h"

enum { SECONDS_A_DAY = 86400, DAYS_OF_1970_FROM_MONDAY = 3 };

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take(cursor *self, char c) {
    if (self->at == self->end || *self->at != c) return false;
    self->at++;
    return true;
}

static void skip_blanks(cursor *self) {
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\t')) self->at++;
}

/* A number of `least` to `most` digits; the digits that follow are not taken. Returns how many it took, 0 if none. */
static size_t take_number(cursor *self, size_t least, size_t most, unsigned *out) {
    size_t digits = 0;
    unsigned value = 0;
    while (digits < most && self->at + digits < self->end && is_digit(self->at[digits])) {
        value = value * 10 + (unsigned)(self->at[digits++] - '0');
    }
    if (digits < least) return 0;
    self->at += digits;
    *out = value;
    return digits;
}

static bool take_word(cursor *self, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(self->end - self->at) < length) return false;
    for (size_t i = 0; i < length; i++) {
        const char c = self->at[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) return false;
    }
    self->at += length;
    return true;
}

/* ---- parts ---- */

static unsigned days_of_month(int64_t year, unsigned month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_right(const peal_date *date) {
    return date->year >= 1 && date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= days_of_month(date->year, date->month);
}

static double fraction(cursor *self) {
    double value = 0, unit = 0.1;
    for (; self->at < self->end && is_digit(*self->at); unit /= 10) value += unit * (*self->at++ - '0');
    return value;
}

/* HH:MM, HH:MM:SS, and a fraction behind a point or a comma. */
static bool take_time(cursor *self, peal_date *out) {
    unsigned hour, minute, second = 0;
    double part = 0;
    if (!take_number(self, 1, 2, &hour) || !take(self, ':') || !take_number(self, 2, 2, &minute)) return false;
    if (take(self, ':')) {
        if (!take_number(self, 2, 2, &second)) return false;
        if (take(self, '.') || take(self, ',')) part = fraction(self);
    }
    out->second = hour * 3600.0 + minute * 60.0 + second + part;
    return hour < 24 && minute < 60 && second <= 60;
}

/* Z, UTC, GMT, or an offset: +01:00, +0100, +01. */
static bool take_zone(cursor *self, peal_date *out) {
    unsigned hours, minutes = 0;
    if (take_word(self, "z") || take_word(self, "utc") || take_word(self, "gmt")) return true;
    const bool west = self->at < self->end && *self->at == '-';
    if (!west && !(self->at < self->end && *self->at == '+')) return false;
    self->at++;
    if (!take_number(self, 2, 2, &hours)) return false;
    if (take(self, ':') ? !take_number(self, 2, 2, &minutes)
                        : self->at < self->end && is_digit(*self->at) && !take_number(self, 2, 2, &minutes)) {
        return false;
    }
    out->offset_minutes = (int32_t)(hours * 60 + minutes) * (west ? -1 : 1);
    return hours <= 18 && minutes < 60;
}

/* Names of which the first three letters are enough. */
static bool take_name(cursor *self, const char *const *names, size_t count, unsigned *out) {
    for (size_t i = 0; i < count; i++) {
        char abbreviation[4] = {names[i][0], names[i][1], names[i][2], '\0'};
        if (!take_word(self, names[i]) && !take_word(self, abbreviation)) continue;
        *out = (unsigned)i;
        return true;
    }
    return false;
}

static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                     "july",    "august",   "september", "october", "november", "december"};
static const char *const weekdays[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

/* ---- the common ways ---- */

static bool take_mark(cursor *self, char *mark) {
    if (self->at == self->end || !strchr("-/.", *self->at)) return false;
    *mark = *self->at++;
    return true;
}

/* The rest of 2024-01-31 and 2024-Jan-31. */
static bool take_year_first(cursor *self, peal_date *out) {
    char mark;
    unsigned month;
    if (!take_mark(self, &mark)) return false;
    if (take_name(self, months, 12, &month)) {
        out->month = month + 1;
    } else if (!take_number(self, 1, 2, &out->month)) {
        return false;
    }
    return take(self, mark) && take_number(self, 1, 2, &out->day);
}

/* Of four digits, or of two, which are of 1969 to 2068. */
static bool take_year(cursor *self, bool may_be_short, peal_date *out) {
    unsigned year = 0;
    const size_t digits = take_number(self, 2, 4, &year);
    out->year = digits == 2 ? year + (year < 69 ? 2000 : 1900) : year;
    return digits == 4 || (digits == 2 && may_be_short);
}

/* The rest of 31.01.2024, 01/31/2024, 01/31/24 and 31.01.24. With points short years want two digits everywhere; with
 * dashes there are none: 6-4-10 is no date, and in 22-08-31 the year is the first. */
static bool take_year_last(cursor *self, unsigned number, size_t digits, peal_date_first first, peal_date *out,
                           bool *has_order) {
    char mark;
    unsigned second;
    if (!take_mark(self, &mark)) return false;
    const size_t more = take_number(self, 1, 2, &second);
    if (!more || !take(self, mark)) return false;
    if (!take_year(self, mark == '/' || (mark == '.' && digits == 2 && more == 2), out)) return false;
    *has_order = mark != '.';
    const bool day_first = mark == '.' || first == PEAL_DATE_DAY;
    out->month = day_first ? second : number;
    out->day = day_first ? number : second;
    return true;
}

/* The rest of 31 Aug 2022, 31-Aug-22, 31/Aug/2022 and 31. August 2022, behind the day. */
static bool take_named_month(cursor *self, unsigned day, peal_date *out) {
    char mark = '\0';
    unsigned month;
    (void)take_mark(self, &mark);
    skip_blanks(self);
    if (!take_name(self, months, 12, &month)) return false;
    out->day = day;
    out->month = month + 1;
    (void)(take(self, '.') || take(self, ','));
    if (mark == '-' || mark == '/') return take(self, mark) && take_year(self, true, out);
    skip_blanks(self);
    return take_year(self, false, out);
}

/* August 31, 2022; Aug 31 2022. */
static bool take_month_first(cursor *self, peal_date *out) {
    unsigned month;
    if (!take_name(self, months, 12, &month)) return false;
    out->month = month + 1;
    (void)take(self, '.');
    skip_blanks(self);
    if (!take_number(self, 1, 2, &out->day)) return false;
    (void)take(self, ',');
    skip_blanks(self);
    return take_year(self, false, out);
}

static bool take_date(cursor *self, peal_date_first first, peal_date *out, bool *has_order) {
    unsigned number = 0;
    if (self->at < self->end && is_letter(*self->at)) {
        const cursor begin = *self;
        if (take_name(self, weekdays, 7, &number)) {
            (void)(take(self, '.') || take(self, ','));
            skip_blanks(self);
        } else {
            *self = begin;
        }
        if (self->at < self->end && is_letter(*self->at)) return take_month_first(self, out);
    }
    const size_t digits = take_number(self, 1, 8, &number);
    out->year = number;
    if (digits == 4) return take_year_first(self, out);
    if (digits == 1 || digits == 2) {
        const cursor behind = *self;
        if (take_year_last(self, number, digits, first, out, has_order)) return true;
        *self = behind;
        *has_order = false;
        return take_named_month(self, number, out);
    }
    out->year = number / 10000;
    out->month = number / 100 % 100;
    out->day = number % 100;
    return digits == 8;
}

/* AM, PM, a.m.: the hours before it are 1 to 12. */
static bool take_half(cursor *self, peal_date *out) {
    const cursor begin = *self;
    const bool afternoon = take_word(self, "p");
    if (!afternoon && !take_word(self, "a")) return true;
    (void)take(self, '.');
    if (!take_word(self, "m")) {
        *self = begin;
        return true; /* it is another word */
    }
    (void)take(self, '.');
    const bool is_right_hour = out->second >= 3600 && out->second < 13 * 3600.0;
    if (out->second >= 12 * 3600.0) out->second -= 12 * 3600.0;
    if (afternoon) out->second += 12 * 3600.0;
    return is_right_hour;
}

bool peal_date_read(const char *text, size_t length, peal_date_first first, peal_date *out, bool *has_order) {
    cursor self = {.at = text, .end = text + length};
    *out = (peal_date){0};
    *has_order = false;
    skip_blanks(&self);
    if (!take_date(&self, first, out, has_order) || !is_right(out)) return false;
    if (self.at < self.end && is_digit(*self.at)) return false;
    const bool joined = take(&self, 'T') || take(&self, 't') || take(&self, ':') || take(&self, ',');
    skip_blanks(&self);
    if (joined || self.at < self.end) {
        if (!take_time(&self, out)) return false;
        skip_blanks(&self);
        if (!take_half(&self, out)) return false;
        skip_blanks(&self);
        if (self.at < self.end && !take_zone(&self, out)) return false;
        skip_blanks(&self);
    }
    return self.at == self.end;
}

/* ---- formats ---- */

/* What a format's conversions have said so far. */
typedef struct reading {
    cursor cursor;
    peal_date *out;
    unsigned hour, minute, second;
    double part;
    unsigned day_of_year; /* 0: not said */
    bool noon_known, afternoon;
} reading;

static bool read_year(reading *self, char conversion) {
    unsigned year;
    if (conversion == 'Y') {
        if (!take_number(&self->cursor, 4, 4, &year)) return false;
    } else {
        if (!take_number(&self->cursor, 2, 2, &year)) return false;
        year += year < 69 ? 2000 : 1900;
    }
    self->out->year = year;
    return true;
}

static bool read_month_name(reading *self) {
    unsigned month;
    if (!take_name(&self->cursor, months, 12, &month)) return false;
    self->out->month = month + 1;
    return true;
}

static bool read_half(reading *self) {
    self->noon_known = true;
    self->afternoon = take_word(&self->cursor, "pm");
    return self->afternoon || take_word(&self->cursor, "am");
}

static bool read_zone_name(reading *self) {
    const char *begin = self->cursor.at;
    while (self->cursor.at < self->cursor.end && is_letter(*self->cursor.at)) self->cursor.at++;
    return self->cursor.at > begin;
}

static bool read_fraction(reading *self) {
    const char *begin = self->cursor.at;
    self->part = fraction(&self->cursor);
    return self->cursor.at > begin;
}

/* A number of days since 1899-12-30, with the time of day as its fraction: what Excel calls a date. */
static bool read_days_of_excel(reading *self) {
    enum { DAYS_TO_1970 = 25569 };
    cursor *at = &self->cursor;
    unsigned days;
    if (!take_number(at, 1, 7, &days)) return false;
    const double seconds = take(at, '.') ? fraction(at) * SECONDS_A_DAY : 0;
    const double whole = floor(seconds * 1000 + 0.5) / 1000; /* a double of such a number holds no more */
    int64_t year;
    const bool is_next = whole >= SECONDS_A_DAY;
    peal_date_from_days((int64_t)days - DAYS_TO_1970 + is_next, &year, &self->out->month, &self->out->day);
    if (year < 1 || year > 9999) return false;
    const unsigned of_day = is_next ? 0 : (unsigned)whole;
    self->out->year = year;
    self->hour = of_day / 3600;
    self->minute = of_day / 60 % 60;
    self->second = of_day % 60;
    self->part = is_next ? 0 : whole - of_day;
    return true;
}

/* A time since 1970 began in UTC, in units of which a second has `a_second`. */
static bool read_since_1970(reading *self, int64_t a_second) {
    cursor *at = &self->cursor;
    const bool is_before = take(at, '-');
    int64_t whole = 0;
    size_t digits = 0;
    for (; digits < 16 && at->at < at->end && is_digit(*at->at); digits++) whole = whole * 10 + (*at->at++ - '0');
    if (digits == 0) return false;
    double part = 0;
    if (take(at, '.')) part = fraction(at);
    if (is_before && part > 0) return false; /* no one writes so */
    if (is_before) whole = -whole;
    const int64_t below = (whole % a_second + a_second) % a_second, seconds = (whole - below) / a_second;
    const int64_t of_day = (seconds % SECONDS_A_DAY + SECONDS_A_DAY) % SECONDS_A_DAY;
    int64_t year;
    peal_date_from_days((seconds - of_day) / SECONDS_A_DAY, &year, &self->out->month, &self->out->day);
    if (year < 1 || year > 9999) return false;
    self->out->year = year;
    self->hour = (unsigned)(of_day / 3600);
    self->minute = (unsigned)(of_day / 60 % 60);
    self->second = (unsigned)(of_day % 60);
    self->part = ((double)below + part) / (double)a_second;
    return true;
}

/* What is written together has a format of its own. */
static const char *spelt_out(char conversion) {
    return conversion == 'F' ? "%Y-%m-%d" : conversion == 'T' ? "%H:%M:%S" : conversion == 'R' ? "%H:%M" : NULL;
}

static bool read_format(reading *self, const char *format);

static bool read_conversion(reading *self, char conversion) {
    cursor *at = &self->cursor;
    unsigned weekday;
    switch (conversion) {
    case 'Y':
    case 'y':
        return read_year(self, conversion);
    case 'm':
        return take_number(at, 1, 2, &self->out->month) > 0;
    case 'd':
        return take_number(at, 1, 2, &self->out->day) > 0;
    case 'e':
        skip_blanks(at);
        return take_number(at, 1, 2, &self->out->day) > 0;
    case 'j':
        return take_number(at, 1, 3, &self->day_of_year) > 0 && self->day_of_year > 0;
    case 'H':
    case 'I':
        return take_number(at, 1, 2, &self->hour) > 0;
    case 'M':
        return take_number(at, 1, 2, &self->minute) > 0;
    case 'S':
        return take_number(at, 1, 2, &self->second) > 0;
    case 'f':
        return read_fraction(self);
    case 'p':
        return read_half(self);
    case 'b':
    case 'B':
        return read_month_name(self);
    case 'a':
    case 'A':
        return take_name(at, weekdays, 7, &weekday);
    case 'z':
        return take_zone(at, self->out);
    case 'Z':
        return read_zone_name(self);
    case 's':
        return read_since_1970(self, 1);
    case 'Q':
        return read_since_1970(self, 1000);
    case 'E':
        return read_days_of_excel(self);
    case '%':
        return take(at, '%');
    default:
        return read_format(self, spelt_out(conversion));
    }
}

static bool read_format(reading *self, const char *format) {
    for (; *format; format++) {
        if (*format == '%') {
            if (!read_conversion(self, *++format)) return false;
        } else if (*format == ' ') {
            skip_blanks(&self->cursor);
        } else if (!take(&self->cursor, *format)) {
            return false;
        }
    }
    return true;
}

/* Turns the day of a year into month and day. */
static void take_day_of_year(reading *self) {
    unsigned rest = self->day_of_year;
    peal_date *out = self->out;
    for (out->month = 1; out->month < 12 && rest > days_of_month(out->year, out->month); out->month++) {
        rest -= days_of_month(out->year, out->month);
    }
    out->day = rest;
}

bool peal_date_read_format(const char *format, const char *text, size_t length, peal_date *out) {
    reading self = {.cursor = {.at = text, .end = text + length}, .out = out};
    *out = (peal_date){.year = 1970, .month = 1, .day = 1};
    skip_blanks(&self.cursor);
    if (!read_format(&self, format)) return false;
    skip_blanks(&self.cursor);
    if (self.cursor.at != self.cursor.end) return false;
    if (self.day_of_year) take_day_of_year(&self);
    if (self.noon_known) {
        if (self.hour < 1 || self.hour > 12) return false;
        self.hour = self.hour % 12 + (self.afternoon ? 12 : 0);
    }
    out->second = self.hour * 3600.0 + self.minute * 60.0 + self.second + self.part;
    return self.hour < 24 && self.minute < 60 && self.second <= 60 && is_right(out);
}

const char *peal_date_format_error(const char *format) {
    bool names = false;
    for (const char *at = format; *at; at++) {
        if (*at != '%') continue;
        if (!at[1] || !strchr("YymdejHIMSfpbBaAzZsQE%FTR", at[1])) return at;
        names = names || !strchr("pzZ%aA", at[1]);
        at++;
    }
    return names ? NULL : format;
}

/* ---- what a date is ---- */

double peal_date_time(const peal_date *date) {
    return (double)peal_days_from_date(date->year, date->month, date->day) * SECONDS_A_DAY + date->second -
           date->offset_minutes * 60.0;
}

unsigned peal_date_weekday(const peal_date *date) {
    const int64_t days = peal_days_from_date(date->year, date->month, date->day) + DAYS_OF_1970_FROM_MONDAY;
    return (unsigned)((days % 7 + 7) % 7);
}
