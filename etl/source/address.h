/* Which network addresses are not of the public internet. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_ADDRESS_H
#define PEAL_ETL_SOURCE_ADDRESS_H

#include <sys/socket.h>

/* What an address is that no public server has: "a loopback address", "a private address"...; NULL of a public one. An
 * IPv4 address in an IPv6 one is judged as what it is. Source: IANA's registries of special-purpose addresses. */
const char *source__address_kind(const struct sockaddr *address);
/* The address in digits. */
void source__address_text(const struct sockaddr *address, char text[64]);

#endif
