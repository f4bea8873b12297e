/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#define CFUT_INSIDE

#include <cfut/cfut-version.h>
#include <cfut/cfut-version-macros.h>
#include <cfut/cfut-types.h>
#include <cfut/cfut-error.h>
#include <cfut/cfut-future.h>
#include <cfut/cfut-promise.h>
#include <cfut/cfut-task.h>
#include <cfut/cfut-work.h>
#include <cfut/cfut-worker.h>
#include <cfut/cfut-executor.h>
#include <cfut/cfut-thread-executor.h>
#include <cfut/cfut-process-executor.h>
#include <cfut/cfut-command.h>
#include <cfut/cfut-command-result.h>
#include <cfut/cfut-group.h>
#include <cfut/cfut-request.h>
#include <cfut/cfut-rate-limit.h>
#include <cfut/cfut-map.h>
#include <cfut/cfut-functions.h>
#include <cfut/cfut-call.h>
#include <cfut/cfut-bound.h>
#include <cfut/cfut-combine.h>
#include <cfut/cfut-interop.h>
#include <cfut/cfut-debug.h>
#include <cfut/cfut-shared-dict.h>

#undef CFUT_INSIDE
