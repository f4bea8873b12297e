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

/* How a result travels between processes: a variant as it is, anything else that has such a form
 * inside of a variant of type `v`, and a variant of that type inside of another. (transfer full),
 * not floating. NULL without an error: no value. G_IO_ERROR_NOT_SUPPORTED: it has no such form. */
GVariant *cfut_value_to_wire       (const GValue *value,
                                    GError      **error);
/* @value is unset, and of the type that it was, or at least of one of the same kind. @variant may be
 * NULL: no value. */
void      cfut_value_init_from_wire (GValue      *value,
                                     GVariant    *variant);

G_END_DECLS
