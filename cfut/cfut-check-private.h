/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib-object.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Whether @instance is of a type, @is_a being what GObject says: that goes through the type's
 * ancestors, which for a million futures is a twentieth of what they cost. A type that was of the
 * right kind once always is, so the last one is remembered, for all that ask at one place. */
#define CFUT_CHECK(instance, is_a) \
  (G_GNUC_EXTENSION ({ \
    static _Atomic GType known_; \
    const GTypeInstance *instance_ = (gconstpointer) (instance); \
    gboolean is_ = instance_ != NULL && instance_->g_class != NULL && \
                   instance_->g_class->g_type == \
                     atomic_load_explicit (&known_, memory_order_relaxed); \
    if (G_UNLIKELY (!is_) && (is_ = is_a (instance))) \
      atomic_store_explicit (&known_, instance_->g_class->g_type, memory_order_relaxed); \
    is_; \
  }))

G_END_DECLS
