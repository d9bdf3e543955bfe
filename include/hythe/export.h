/* Marks what the library lets out; everything else stays hidden. */
#ifndef HYTHE_EXPORT_H
#define HYTHE_EXPORT_H

#if defined(__GNUC__)
#define HYTHE_API __attribute__((visibility("default")))
#else
#define HYTHE_API
#endif

#endif
