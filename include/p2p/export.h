/* SPDX-License-Identifier: MIT */
#ifndef P2P_EXPORT_H
#define P2P_EXPORT_H

/* P2P_API marks what the shared library exports; everything else is hidden. */
#if defined(_WIN32)
#define P2P_API __declspec(dllimport)
#elif defined(__GNUC__) || defined(__clang__)
#define P2P_API __attribute__((visibility("default")))
#else
#define P2P_API
#endif

/* Results that must not be ignored: every function that can fail carries this. */
#if defined(__GNUC__) || defined(__clang__)
#define P2P_MUST_USE          __attribute__((warn_unused_result))
#define P2P_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define P2P_MUST_USE
#define P2P_PRINTF(fmt, args)
#endif

#if defined(__cplusplus)
#define P2P_BEGIN_DECLS extern "C" {
#define P2P_END_DECLS   }
#else
#define P2P_BEGIN_DECLS
#define P2P_END_DECLS
#endif

#endif
