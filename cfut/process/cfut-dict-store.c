/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A shared dict in the application: its table behind a lock, and the keys whose change is to be
 * told.
 *
 *   any thread: applied, somebody listens --> the news --push, if not scheduled--> owner's queue
 *   owner's context: the news become a round --> told key by key, in slices
 *                        '--(the last round began less than 1/60 s ago)--> the owner's delays
 *
 * Threads: any; rounds and what tells of them are the owner's context's.
 * Locks: `lock` guards the table, the news, and whether there is a face. Under it GLib's own locks
 *   are taken, of signals and of variants, and nothing is freed that a user made.
 * Owns: the table; the keys in the news. It is held by its object, by executors that share it, and
 *   by its presence in the owner's queue or delays; never the other way round, so that the last
 *   reference on the object is its user's.
 * Invariants:
 * 1. An operation takes effect as a whole while the lock is held, between the call and its return:
 *    so all of them together are linearizable, whichever way they come.
 * 2. A key stands in the news once, and is told once a round; a change after it was told makes it
 *    news again. So the last change is always told after it was made.
 * 3. `scheduled` is TRUE while the store is in the owner's queue or delays.
 * 4. Nothing becomes news where nobody listens, or can be reached any more.
 * Not here: encoding (cfut-dict-op.c), the signal itself (cfut-shared-dict.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-delivery-private.h"
#include "core/cfut-lock-private.h"
#include "process/cfut-dict-store-private.h"
#include "process/cfut-dict-table-private.h"

/* Other deliveries are given way to after that. */
#define SLICE_USEC 1000
#define ROUND_USEC (G_USEC_PER_SEC / 60 + 1)

/* Entries in the order in which they became news, each key once. */
typedef struct {
  GPtrArray *entries;  /* owned from `next` on */
  GHashTable *keys;
  guint next;          /* which is to be told first */
} News;

struct _CfutDictStore {
  gatomicrefcount ref_count;

  /* Immutable */
  CfutOwner *owner;
  CfutDictListenFunc listens;
  CfutDictTellFunc tell;
  GWeakRef face;

  /* In the owner's queue or delays while `scheduled`, with a reference */
  CfutItem item;
  CfutDelayed delayed;

  GMutex lock;
  /* Guarded by lock */
  CfutDictTable *table;
  GObject *listener;   /* not owned; NULL: closed, or the context is gone */
  News *news;          /* (nullable) */
  gboolean scheduled;

  /* Owning context only */
  News *round;         /* (nullable): those that are being told; never empty */
  gint64 round_usec;   /* when it began */
};

static gboolean store_deliver (CfutItem        *item,
                               CfutDeliverMode  mode);
static void     store_later   (CfutDelayed     *delayed,
                               CfutDeliverMode  mode);

static const CfutItemClass item_class = {
  .deliver = store_deliver,
};

static void
news_free (News *self)
{
  for (; self->next < self->entries->len; self->next++)
    cfut_dict_entry_unref (self->entries->pdata[self->next]);
  g_ptr_array_unref (self->entries);
  g_hash_table_unref (self->keys);
  g_free (self);
}

/* Takes over @entry. */
static void
news_add (News          *self,
          CfutDictEntry *entry)
{
  const char *key = cfut_dict_entry_get_key (entry);

  if (g_hash_table_contains (self->keys, key))
    {
      cfut_dict_entry_unref (entry);
      return;
    }

  g_hash_table_add (self->keys, (gpointer) key);
  g_ptr_array_add (self->entries, entry);
}

static News *
news_new (void)
{
  News *self = g_new0 (News, 1);

  self->entries = g_ptr_array_new ();
  self->keys = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

CfutDictStore *
cfut_dict_store_new (GObject            *face,
                     CfutDictListenFunc  listens,
                     CfutDictTellFunc    tell)
{
  CfutDictStore *self = g_new0 (CfutDictStore, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->listens = listens;
  self->tell = tell;
  g_weak_ref_init (&self->face, face);
  self->item.klass = &item_class;
  self->delayed.func = store_later;
  g_mutex_init (&self->lock);
  self->table = cfut_dict_table_new ();
  self->listener = face;
  self->round_usec = -ROUND_USEC;

  return self;
}

CfutDictStore *
cfut_dict_store_ref (CfutDictStore *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_dict_store_unref (CfutDictStore *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->news, news_free);
  g_clear_pointer (&self->round, news_free);
  cfut_dict_table_free (self->table);
  g_weak_ref_clear (&self->face);
  g_mutex_clear (&self->lock);
  cfut_owner_unref (self->owner);
  g_free (self);
}

void
cfut_dict_store_close (CfutDictStore *self)
{
  News *news;

  cfut_lock (&self->lock, CFUT_LOCK_DICT);
  self->listener = NULL;
  news = g_steal_pointer (&self->news);
  cfut_unlock (&self->lock, CFUT_LOCK_DICT);

  g_clear_pointer (&news, news_free);
}

/* Takes over @entry. TRUE: the caller pushes; the reference for that is taken. */
static gboolean
store_note_locked (CfutDictStore *self,
                   CfutDictEntry *entry)
{
  if (self->news == NULL)
    self->news = news_new ();
  news_add (self->news, entry);

  if (self->scheduled)
    return FALSE;

  self->scheduled = TRUE;
  cfut_dict_store_ref (self);
  return TRUE;
}

void
cfut_dict_store_apply (CfutDictStore  *self,
                       CfutDictOp     *op,
                       CfutDictAnswer *answer)
{
  CfutDictEntry *changed;
  gboolean push = FALSE;

  cfut_dict_op_own (op);

  cfut_lock (&self->lock, CFUT_LOCK_DICT);
  changed = cfut_dict_table_apply (self->table, op, answer);
  if (changed != NULL && self->listener != NULL && self->listens (self->listener))
    push = store_note_locked (self, g_steal_pointer (&changed));
  cfut_unlock (&self->lock, CFUT_LOCK_DICT);

  g_clear_pointer (&changed, cfut_dict_entry_unref);
  if (push)
    cfut_owner_push (self->owner, &self->item);
}

static GVariant *
reply_limit (GVariant *reply,
             gsize     max_reply_bytes)
{
  gsize size = g_variant_get_size (reply);
  g_autoptr (GError) error = NULL;

  if (max_reply_bytes == 0 || size <= max_reply_bytes)
    return reply;

  g_variant_unref (reply);
  g_set_error (&error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
               _("The answer of the shared dict has %zu bytes, and only %zu can be sent"),
               size, max_reply_bytes);
  return cfut_dict_reply_new_error (error);
}

GVariant *
cfut_dict_store_serve (CfutDictStore *self,
                       GVariant      *request,
                       gsize          max_reply_bytes)
{
  CfutDictOp op = { 0 };
  CfutDictAnswer answer = { 0 };
  g_autoptr (GError) error = NULL;
  GVariant *reply;

  if (!cfut_dict_op_decode (&op, request, &error))
    return cfut_dict_reply_new_error (error);

  cfut_dict_store_apply (self, &op, &answer);
  reply = cfut_dict_reply_new (op.verb, &answer);
  cfut_dict_answer_clear (&answer);
  cfut_dict_op_clear (&op);

  return reply_limit (reply, max_reply_bytes);
}

/* On the owner's context. (transfer full) (nullable): what is to be told next, of the round or of a
 * new one; NULL where nothing is, or not before @at_usec, which is 0 else. */
static CfutDictEntry *
store_next_told (CfutDictStore *self,
                 gint64         now_usec,
                 gint64        *at_usec)
{
  CfutDictEntry *entry;

  *at_usec = 0;
  if (self->round == NULL)
    {
      cfut_lock (&self->lock, CFUT_LOCK_DICT);
      if (self->news != NULL && now_usec - self->round_usec >= ROUND_USEC)
        self->round = g_steal_pointer (&self->news);
      else if (self->news != NULL)
        *at_usec = self->round_usec + ROUND_USEC;
      cfut_unlock (&self->lock, CFUT_LOCK_DICT);

      if (self->round == NULL)
        return NULL;
      self->round_usec = now_usec;
    }

  entry = self->round->entries->pdata[self->round->next++];
  if (self->round->next == self->round->entries->len)
    g_clear_pointer (&self->round, news_free);

  return entry;
}

/* If something is left to be told, and the store is not in the queue or in the delays, it is put
 * into the delays, or with 0 into the queue. */
static void
store_reschedule (CfutDictStore *self,
                  gint64         at_usec)
{
  gboolean again;

  cfut_lock (&self->lock, CFUT_LOCK_DICT);
  again = !self->scheduled && (self->news != NULL || self->round != NULL);
  self->scheduled |= again;
  cfut_unlock (&self->lock, CFUT_LOCK_DICT);

  if (!again)
    return;

  cfut_dict_store_ref (self);
  if (at_usec > 0)
    cfut_owner_delay (self->owner, &self->delayed, at_usec);
  else
    cfut_owner_push (self->owner, &self->item);
}

/* A handler may change the dict, drop it, or run a loop that gets here again and tells the rest: so
 * while one is called the store is in the queue, and all is read again after it. */
static void
store_tell (CfutDictStore *self,
            GObject       *face)
{
  gint64 now_usec = g_get_monotonic_time ();
  gint64 until_usec = now_usec + SLICE_USEC;
  gint64 at_usec = 0;
  CfutDictEntry *entry;

  while (now_usec < until_usec &&
         (entry = store_next_told (self, now_usec, &at_usec)) != NULL)
    {
      store_reschedule (self, 0);
      self->tell (face, cfut_dict_entry_get_key (entry));
      cfut_dict_entry_unref (entry);
      now_usec = g_get_monotonic_time ();
    }

  store_reschedule (self, at_usec);
}

/* Takes over the reference of the presence. */
static void
store_come (CfutDictStore   *self,
            CfutDeliverMode  mode)
{
  GObject *face = mode == CFUT_DELIVER_LOOP ? g_weak_ref_get (&self->face) : NULL;

  cfut_lock (&self->lock, CFUT_LOCK_DICT);
  self->scheduled = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_DICT);

  if (face != NULL)
    {
      store_tell (self, face);
      g_object_unref (face);
    }
  else
    {
      cfut_dict_store_close (self);
      g_clear_pointer (&self->round, news_free);
    }
  cfut_dict_store_unref (self);
}

static gboolean
store_deliver (CfutItem        *item,
               CfutDeliverMode  mode)
{
  CfutDictStore *self = (CfutDictStore *) ((char *) item - G_STRUCT_OFFSET (CfutDictStore, item));
  gboolean closed;

  if (mode == CFUT_DELIVER_REAP)
    {
      cfut_lock (&self->lock, CFUT_LOCK_DICT);
      closed = self->listener == NULL;
      cfut_unlock (&self->lock, CFUT_LOCK_DICT);

      /* Telling is for a loop. */
      if (!closed)
        return TRUE;
    }

  store_come (self, mode);
  return FALSE;
}

static void
store_later (CfutDelayed     *delayed,
             CfutDeliverMode  mode)
{
  store_come ((CfutDictStore *) ((char *) delayed - G_STRUCT_OFFSET (CfutDictStore, delayed)),
              mode);
}
