/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <glib.h>

#ifndef _CFUT_EXTERN
#define _CFUT_EXTERN extern
#endif

/**
 * CFUT_VERSION_1_0: (skip)
 *
 * The version 1.0, for `CFUT_VERSION_MIN_REQUIRED` and `CFUT_VERSION_MAX_ALLOWED`.
 *
 * Since: 1.0
 */
#define CFUT_VERSION_1_0 (G_ENCODE_VERSION (1, 0))

/**
 * CFUT_VERSION_CUR_STABLE: (skip)
 *
 * The newest stable version that these headers know.
 *
 * Since: 1.0
 */
#define CFUT_VERSION_CUR_STABLE CFUT_VERSION_1_0

/**
 * CFUT_VERSION_MIN_REQUIRED: (skip)
 *
 * Define it before including `cfut.h`: use of what was deprecated in that version
 * or before warns.
 *
 * Since: 1.0
 */
#ifndef CFUT_VERSION_MIN_REQUIRED
#define CFUT_VERSION_MIN_REQUIRED CFUT_VERSION_CUR_STABLE
#endif

/**
 * CFUT_VERSION_MAX_ALLOWED: (skip)
 *
 * Define it before including `cfut.h`: use of what came after that version warns.
 *
 * Since: 1.0
 */
#ifndef CFUT_VERSION_MAX_ALLOWED
#define CFUT_VERSION_MAX_ALLOWED CFUT_VERSION_CUR_STABLE
#endif

#if CFUT_VERSION_MAX_ALLOWED < CFUT_VERSION_MIN_REQUIRED
#error "CFUT_VERSION_MAX_ALLOWED must not be older than CFUT_VERSION_MIN_REQUIRED"
#endif

#define CFUT_AVAILABLE_IN_1_0 _CFUT_EXTERN
