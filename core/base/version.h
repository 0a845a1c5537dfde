/* Which Peal this is. */
#ifndef PEAL_CORE_VERSION_H
#define PEAL_CORE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define PEAL_VERSION "0.5.6"

/* The version of the library that runs, which may be another one than that of this header. */
const char *peal_version(void);

#ifdef __cplusplus
}
#endif
#endif
