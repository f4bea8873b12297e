/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One GValue for each kind of result that tasks and promises take in C. */
void     cfut_value_init_copy    (GValue       *value,
                                  const GValue *from);   /* NULL: stays unset, "no value" */
void     cfut_value_init_variant (GValue       *value,
                                  GVariant     *variant);
void     cfut_value_init_string  (GValue       *value,
                                  const char   *string);
void     cfut_value_init_bytes   (GValue       *value,
                                  GBytes       *bytes);
void     cfut_value_init_object  (GValue       *value,
                                  GObject      *object);
void     cfut_value_init_int64   (GValue       *value,
                                  gint64        number);
void     cfut_value_init_double  (GValue       *value,
                                  double        number);
void     cfut_value_init_boolean (GValue       *value,
                                  gboolean      boolean);

gboolean cfut_value_check        (const GValue *value,
                                  GType         type,
                                  GError      **error);
gboolean cfut_value_require      (const GValue *value,
                                  GType         type,
                                  GError      **error);
gboolean cfut_value_get_number   (const GValue *value,
                                  GType         type,
                                  GValue       *number,
                                  GError      **error);

G_END_DECLS
