/* Special addresses; see address.h. */
#include "etl/source/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct block {
    uint8_t bytes[16];
    unsigned bits;
    const char *kind;
} block;

static const char loopback[] = "a loopback address", private_net[] = "a private address",
                  local[] = "a link-local address", none[] = "no address of a server",
                  shared[] = "a shared address of a provider's network";

static const block blocks4[] = {
    {{0}, 8, none},
    {{10}, 8, private_net},
    {{100, 64}, 10, shared},
    {{127}, 8, loopback},
    {{169, 254}, 16, local},
    {{172, 16}, 12, private_net},
    {{192, 0, 0}, 24, none},
    {{192, 0, 2}, 24, none},
    {{192, 168}, 16, private_net},
    {{198, 18}, 15, private_net},
    {{198, 51, 100}, 24, none},
    {{203, 0, 113}, 24, none},
    {{224}, 3, none},
};

/* Of the global addresses (2000::/3) those that lead to IPv4 ones by translation are taken apart below. */
static const block blocks6[] = {
    {{0xfc}, 7, private_net},
    {{0xfe, 0x80}, 10, local},
    {{0xfe, 0xc0}, 10, private_net},
    {{0xff}, 8, none},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, none},
};

static const char *find(const block *blocks, size_t count, const uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        const unsigned whole = blocks[i].bits / 8, rest = blocks[i].bits % 8;
        const uint8_t mask = (uint8_t)(0xff00u >> rest);
        if (memcmp(blocks[i].bytes, bytes, whole) != 0) continue;
        if (rest && ((blocks[i].bytes[whole] ^ bytes[whole]) & mask)) continue;
        return blocks[i].kind;
    }
    return NULL;
}

static const char *kind4(const uint8_t *bytes) {
    return find(blocks4, sizeof blocks4 / sizeof *blocks4, bytes);
}

static const char *kind6(const uint8_t *bytes) {
    static const uint8_t zeros[15];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, translated[12] = {0, 0x64, 0xff, 0x9b};
    if (memcmp(bytes, zeros, 15) == 0) return bytes[15] == 1 ? loopback : none;
    if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, translated, 12) == 0 || memcmp(bytes, zeros, 12) == 0) {
        return kind4(bytes + 12);
    }
    if (bytes[0] == 0x20 && bytes[1] == 0x02) return kind4(bytes + 2); /* 6to4 */
    return find(blocks6, sizeof blocks6 / sizeof *blocks6, bytes);
}

const char *source__address_kind(const struct sockaddr *address) {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&four, address, sizeof four);
        return kind4((const uint8_t *)&four.sin_addr);
    case AF_INET6:
        memcpy(&six, address, sizeof six);
        return kind6((const uint8_t *)&six.sin6_addr);
    default:
        return none;
    }
}

void source__address_text(const struct sockaddr *address, char text[64]) {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    snprintf(text, 64, "an unknown address");
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        inet_ntop(AF_INET, &four.sin_addr, text, 64);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        inet_ntop(AF_INET6, &six.sin6_addr, text, 64);
    }
}
