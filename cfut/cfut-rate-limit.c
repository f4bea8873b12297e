/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A rate limit: a bucket of tokens that fills with time, one for each start.
 *
 * The bucket is a number of tokens at a time. Nobody fills it: how much there is follows from the
 * time that has passed when somebody looks, and only a token that is taken moves the time, so that
 * looking often loses nothing to rounding. A start that was held back comes a little late, as
 * threads do, and with a burst of 1 the time that it is late by would be lost; so after somebody
 * was turned away the bucket runs over by the tokens of CATCH_UP_USEC. What is due stays exact
 * then, however late each start is.
 *
 * Threads: any.
 * Locks: one for each limit, under which no clock is read and nothing is called but a watch's hold.
 * Owns: nothing. Who watches takes itself out before it is gone.
 * Invariants:
 * 1. In any span t, seen from the times at which they fall due, no more than burst + rate * t
 *    tokens are taken.
 * 2. A thread that was told a time finds a token then, unless another took it.
 * 3. Whoever raises what there is tells those that watch, outside the lock.
 * Not here: who waits for a token (core/cfut-gate.c). */

#include "core/cfut-lock-private.h"
#include "cfut-rate-limit-private.h"

#define CATCH_UP_USEC 20000.0
#define NEARLY_ONE (1.0 - 1e-9)

/**
 * CfutRateLimit:
 *
 * How many tasks may be started in a span of time.
 *
 * It is a bucket with room for `burst` tokens, full at first, which gains `rate` tokens a second.
 * Each start takes one; where there is none, the task stays in its queue until there is. No thread
 * waits for a token. Over a long time the rate is exact: a task that starts late, since its thread
 * was not woken in time, does not put off those after it.
 *
 * Set it with [method@Cfut.Executor.set_rate_limit]; several executors may share one. All methods
 * may be called on any thread.
 *
 * ```c
 * g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (10, 1);
 *
 * cfut_executor_set_rate_limit (executor, limit);
 * ```
 *
 * Since: 1.0
 */

struct _CfutRateLimit {
  GObject parent_instance;

  /* Guarded by lock */
  GMutex lock;
  double rate;
  guint burst;
  gboolean used;         /* else the bucket is full, and has no time */
  gboolean turned_away;  /* somebody, since there was more than one token too few */
  double tokens;         /* at at_usec; it may be above burst until it is looked at */
  gint64 at_usec;
  CfutRateWatch *watches;
};

typedef enum {
  PROP_RATE = 1,
  PROP_BURST
} RateLimitProperty;

static GParamSpec *properties[PROP_BURST + 1];

G_DEFINE_FINAL_TYPE (CfutRateLimit, cfut_rate_limit, G_TYPE_OBJECT)

static double
rate_limit_tokens_locked (CfutRateLimit *self,
                          gint64         now_usec)
{
  double most = self->burst;
  double tokens = self->tokens;

  if (!self->used)
    return most;

  if (now_usec > self->at_usec)
    tokens += (double) (now_usec - self->at_usec) * (self->rate / G_USEC_PER_SEC);
  if (self->turned_away)
    most += self->rate / G_USEC_PER_SEC * CATCH_UP_USEC;

  return MIN (tokens, most);
}

static void
rate_limit_set_tokens_locked (CfutRateLimit *self,
                              double         tokens,
                              gint64         now_usec)
{
  self->tokens = tokens;
  self->at_usec = self->used ? MAX (self->at_usec, now_usec) : now_usec;
  self->used = TRUE;
}

/* When there will be one, in a bucket that is short of it. */
static gint64
rate_limit_next_locked (CfutRateLimit *self,
                        gint64         now_usec)
{
  double span = (1.0 - self->tokens) / self->rate * G_USEC_PER_SEC;

  if (!(span < (double) (G_MAXINT64 / 2 - MAX (self->at_usec, 0))))
    return G_MAXINT64;

  return MAX (self->at_usec + (gint64) span, now_usec) + 1;
}

static gboolean
rate_limit_ask (CfutRateLimit *self,
                gboolean       take,
                gint64         now_usec,
                gint64        *next_usec)
{
  gboolean has_token;
  double tokens;

  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  tokens = rate_limit_tokens_locked (self, now_usec);
  has_token = tokens >= NEARLY_ONE;
  if (!has_token)
    {
      self->turned_away = TRUE;
      *next_usec = rate_limit_next_locked (self, now_usec);
    }
  else if (take)
    {
      rate_limit_set_tokens_locked (self, tokens - 1.0, now_usec);
      if (self->tokens <= self->burst)
        self->turned_away = FALSE;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);

  return has_token;
}

gboolean
cfut_rate_limit_try_take (CfutRateLimit *self,
                          gint64         now_usec,
                          gint64        *next_usec)
{
  return rate_limit_ask (self, TRUE, now_usec, next_usec);
}

gboolean
cfut_rate_limit_has_token (CfutRateLimit *self,
                           gint64         now_usec,
                           gint64        *next_usec)
{
  return rate_limit_ask (self, FALSE, now_usec, next_usec);
}

/* (transfer full) (nullable): all who watch, each held. */
static GPtrArray *
rate_limit_hold_watches_locked (CfutRateLimit *self)
{
  GPtrArray *watches = NULL;

  for (CfutRateWatch *watch = self->watches; watch != NULL; watch = watch->next)
    if (watch->hold (watch))
      {
        if (watches == NULL)
          watches = g_ptr_array_new ();
        g_ptr_array_add (watches, watch);
      }

  return watches;
}

void
cfut_rate_watches_tell (GPtrArray *watches)
{
  if (watches == NULL)
    return;

  for (guint i = 0; i < watches->len; i++)
    {
      CfutRateWatch *watch = watches->pdata[i];

      watch->changed (watch);
    }
  g_ptr_array_unref (watches);
}

GPtrArray *
cfut_rate_limit_give_back (CfutRateLimit *self)
{
  GPtrArray *watches;

  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  self->tokens += 1.0;
  watches = rate_limit_hold_watches_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);

  return watches;
}

void
cfut_rate_limit_watch (CfutRateLimit *self,
                       CfutRateWatch *watch)
{
  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  g_assert (watch->link == NULL);
  watch->next = self->watches;
  if (watch->next != NULL)
    watch->next->link = &watch->next;
  watch->link = &self->watches;
  self->watches = watch;
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);
}

void
cfut_rate_limit_unwatch (CfutRateLimit *self,
                         CfutRateWatch *watch)
{
  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  *watch->link = watch->next;
  if (watch->next != NULL)
    watch->next->link = watch->link;
  watch->link = NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);
}

void
cfut_rate_limit_change (CfutRateLimit *self,
                        double         rate,
                        guint          burst,
                        gint64         now_usec)
{
  GPtrArray *watches;

  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  if (self->used)
    rate_limit_set_tokens_locked (self, rate_limit_tokens_locked (self, now_usec), now_usec);
  if (rate > 0)
    self->rate = rate;
  if (burst > 0)
    self->burst = burst;
  watches = rate_limit_hold_watches_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);

  cfut_rate_watches_tell (watches);
}

static void
cfut_rate_limit_finalize (GObject *object)
{
  CfutRateLimit *self = CFUT_RATE_LIMIT (object);

  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (cfut_rate_limit_parent_class)->finalize (object);
}

static void
cfut_rate_limit_get_property (GObject    *object,
                              guint       id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  CfutRateLimit *self = CFUT_RATE_LIMIT (object);

  switch ((RateLimitProperty) id)
    {
    case PROP_RATE:
      g_value_set_double (value, cfut_rate_limit_get_rate (self));
      break;
    case PROP_BURST:
      g_value_set_uint (value, cfut_rate_limit_get_burst (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_rate_limit_set_property (GObject      *object,
                              guint         id,
                              const GValue *value,
                              GParamSpec   *pspec)
{
  CfutRateLimit *self = CFUT_RATE_LIMIT (object);

  switch ((RateLimitProperty) id)
    {
    case PROP_RATE:
      cfut_rate_limit_set_rate (self, g_value_get_double (value));
      break;
    case PROP_BURST:
      cfut_rate_limit_set_burst (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_rate_limit_class_init (CfutRateLimitClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = cfut_rate_limit_finalize;
  object_class->get_property = cfut_rate_limit_get_property;
  object_class->set_property = cfut_rate_limit_set_property;

  /**
   * CfutRateLimit:rate: (getter get_rate) (setter set_rate)
   *
   * How many tasks may be started in a second. Notified on the thread that sets it.
   *
   * Since: 1.0
   */
  properties[PROP_RATE] =
    g_param_spec_double ("rate", NULL, NULL, G_MINDOUBLE, G_MAXDOUBLE, 1.0,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY |
                         G_PARAM_STATIC_STRINGS);

  /**
   * CfutRateLimit:burst: (getter get_burst) (setter set_burst)
   *
   * How many tasks may be started at once after a while without any. Notified on the thread that
   * sets it.
   *
   * Since: 1.0
   */
  properties[PROP_BURST] =
    g_param_spec_uint ("burst", NULL, NULL, 1, G_MAXUINT, 1,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY |
                       G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_rate_limit_init (CfutRateLimit *self)
{
  g_mutex_init (&self->lock);
  self->rate = 1.0;
  self->burst = 1;
}

/**
 * cfut_rate_limit_new:
 * @rate: how many tasks may be started in a second; above 0, and it may be a fraction
 * @burst: how many may be started at once after a while without any; at least 1
 *
 * Makes a rate limit, with a full bucket.
 *
 * Returns: (transfer full): a new rate limit
 *
 * Since: 1.0
 */
CfutRateLimit *
cfut_rate_limit_new (double rate,
                     guint  burst)
{
  g_return_val_if_fail (rate > 0 && rate <= G_MAXDOUBLE, NULL);
  g_return_val_if_fail (burst >= 1, NULL);

  return g_object_new (CFUT_TYPE_RATE_LIMIT, "rate", rate, "burst", burst, NULL);
}

/**
 * cfut_rate_limit_get_rate: (get-property rate)
 * @self: a rate limit
 *
 * Tells how many tasks may be started in a second.
 *
 * Returns: starts per second
 *
 * Since: 1.0
 */
double
cfut_rate_limit_get_rate (CfutRateLimit *self)
{
  double rate;

  g_return_val_if_fail (CFUT_IS_RATE_LIMIT (self), 0);

  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  rate = self->rate;
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);

  return rate;
}

/**
 * cfut_rate_limit_set_rate: (set-property rate)
 * @self: a rate limit
 * @rate: how many tasks may be started in a second; above 0
 *
 * Changes the rate. What has been saved up stays; tasks that wait for a token follow the new rate
 * at once.
 *
 * Since: 1.0
 */
void
cfut_rate_limit_set_rate (CfutRateLimit *self,
                          double         rate)
{
  g_return_if_fail (CFUT_IS_RATE_LIMIT (self));
  g_return_if_fail (rate > 0 && rate <= G_MAXDOUBLE);

  if (rate == cfut_rate_limit_get_rate (self))
    return;

  cfut_rate_limit_change (self, rate, 0, g_get_monotonic_time ());
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RATE]);
}

/**
 * cfut_rate_limit_get_burst: (get-property burst)
 * @self: a rate limit
 *
 * Tells how many tasks may be started at once after a while without any.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
cfut_rate_limit_get_burst (CfutRateLimit *self)
{
  guint burst;

  g_return_val_if_fail (CFUT_IS_RATE_LIMIT (self), 0);

  cfut_lock (&self->lock, CFUT_LOCK_RATE);
  burst = self->burst;
  cfut_unlock (&self->lock, CFUT_LOCK_RATE);

  return burst;
}

/**
 * cfut_rate_limit_set_burst: (set-property burst)
 * @self: a rate limit
 * @burst: how many tasks may be started at once after a while without any; at least 1
 *
 * Changes the burst. A bucket that has been used gets no tokens by that, only room for more; what
 * is too much for the new size is lost.
 *
 * Since: 1.0
 */
void
cfut_rate_limit_set_burst (CfutRateLimit *self,
                           guint          burst)
{
  g_return_if_fail (CFUT_IS_RATE_LIMIT (self));
  g_return_if_fail (burst >= 1);

  if (burst == cfut_rate_limit_get_burst (self))
    return;

  cfut_rate_limit_change (self, 0, burst, g_get_monotonic_time ());
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BURST]);
}

/**
 * cfut_rate_limit_take:
 * @self: a rate limit
 * @wait_usec: (out) (optional): return location for how many microseconds it takes until there is
 *   a token; 0 if one was taken. Longer than the time that there is: %G_MAXINT64
 *
 * Takes a token, if there is one, for something that no executor of the library starts: it counts
 * like a task that is started. It never blocks. After %FALSE, wait for as long as it says, or until
 * a property changes, and ask again; another may have been faster then.
 *
 * Returns: whether it was taken
 *
 * Since: 1.0
 */
gboolean
cfut_rate_limit_take (CfutRateLimit *self,
                      gint64        *wait_usec)
{
  gint64 now = g_get_monotonic_time ();
  gint64 next = now;
  gboolean taken;

  g_return_val_if_fail (CFUT_IS_RATE_LIMIT (self), FALSE);

  taken = cfut_rate_limit_try_take (self, now, &next);
  if (wait_usec != NULL)
    *wait_usec = next == G_MAXINT64 ? G_MAXINT64 : next - now;
  return taken;
}
