#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The library as Perl has it, by its module. Speaks TAP.
#
# usage: perl test-perl.pl WORKER, a program that is a worker

use strict;
use warnings;

use Test::More;

BEGIN {
  plan skip_all => 'this Perl has no Glib::Object::Introspection'
    unless eval { require Glib::Object::Introspection; 1 };
}

use Cfut;

my $worker = shift;

# Runs the main loop until something is so, or too long.
sub run_loop_until {
  my $condition = shift;
  my $context = Glib::MainContext->default;
  my $is_late = 0;
  my $guard = Glib::Timeout->add_seconds (60, sub { $is_late = 1 });

  $context->iteration (1) until $condition->() || $is_late;
  Glib::Source->remove ($guard);
  ok !$is_late, 'it came in time';
}

sub resolved {
  my $promise = Cfut::Promise->new;

  $promise->resolve_int64 (shift);
  return $promise->get_future;
}

sub error_of {
  my $function = shift;

  return eval { $function->(); 1 } ? 'nothing' : "$@";
}

subtest 'a promise resolves its future' => sub {
  my $promise = Cfut::Promise->new;

  is $promise->get_future->get_state, 'pending';
  ok $promise->resolve_string ('done');
  ok !$promise->resolve_string ('again');
  is $promise->get_future->result (0), 'done';
  like error_of (sub { $promise->get_future->result_int64 (0) }), qr/gint64/;
};

subtest 'signals and callbacks come from the main loop in their order' => sub {
  my $promise = Cfut::Promise->new;
  my $future = $promise->get_future;
  my @order;
  my @warnings;

  local $SIG{__WARN__} = sub { push @warnings, @_ };
  $future->signal_connect (done => sub { push @order, 'done' });
  $future->add_done_callback ([], sub { push @order, 'first' });
  $future->add_done_callback ([], sub { die "in a callback\n" });
  $future->add_done_callback ('default', sub { push @order, 'last' });
  $promise->resolve_int64 (1);
  is_deeply \@order, [];
  run_loop_until (sub { @order == 3 });
  is "@order", 'done first last';
  is "@warnings", "in a callback\n";
};

subtest 'a wait with a callback' => sub {
  my $promise = Cfut::Promise->new;
  my $future = $promise->get_future;
  my $result;

  $future->wait_async (-1, undef, sub {
    $future->wait_finish ($_[1]);
    $result = $future->result (0);
  });
  $promise->resolve_int64 (7);
  run_loop_until (sub { defined $result });
  is $result, 7;
};

subtest 'what follows a future' => sub {
  my $chained = resolved (1)->chain (sub { resolved ($_[0]->result (0) + 1) });
  my $failed = $chained->chain (sub { die "no further\n" });

  is $chained->result (-1), 2;
  like error_of (sub { $failed->result (-1) }), qr/^no further/;
  is $failed->recover (sub { resolved (3) })->result (-1), 3;
  like error_of (sub { $failed->recover (sub { return })->result (-1) }), qr/Nothing follows/;
};

subtest 'a group hands out what settles' => sub {
  my $group = Cfut::Group->new;
  my $sum = 0;

  $group->add (resolved ($_)) for 1 .. 5;
  while (my $future = $group->next (-1, undef)) {
    $sum += $future->result (0);
  }
  is $sum, 15;
};

subtest 'functions of a worker process' => sub {
  my $pool = Cfut::ProcessExecutor->new ([$worker], 1);

  is $pool->call (undef, 'add', Glib::Variant->new ('(xx)', [40, 2]))->result (-1)->get ('x'), 42;
  like error_of (sub { $pool->call (undef, 'nobody', undef)->result (-1) }), qr/no function/;
};

subtest 'commands' => sub {
  my $pool = Cfut::ProcessExecutor->new (undef, 2);
  my $command = Cfut::Command->new;
  my @lines;

  $command->set_line_func (sub { push @lines, $_[2] });
  my $future = $pool->run (undef, $command, ['printf', 'one\ntwo\n'], undef);
  run_loop_until (sub { @lines == 2 && $future->get_state eq 'resolved' });
  is "@lines", 'one two';
  is $future->result (0)->dup_stdout_text, "one\ntwo\n";
  like error_of (sub { $pool->run (undef, undef, ['false'], undef)->result (-1) }), qr/exited with status 1/;
};

subtest 'functions for other threads are refused' => sub {
  my $executor = Cfut::ThreadExecutor->new (1);
  my $never = sub { exit 9 };

  like error_of (sub { $executor->$_ ($never) }), qr/another thread/, $_
    for qw(submit submit_full post register map map_array map_model map_range set_initializer);
  like error_of (sub { Cfut::Functions->new->add ('x', $never) }), qr/by its name/;
  like error_of (sub { Cfut::Worker->new->register ('x', $never) }), qr/by its name/;
  like error_of (sub { resolved (1)->add_done_callback ($_, $never) }), qr/another thread/
    for 'direct', ['direct'], ['default', 'direct'];
};

subtest 'many futures with callbacks' => sub {
  my $n = 0;

  resolved ($_)->add_done_callback ([], sub { $n++ }) for 1 .. 2000;
  run_loop_until (sub { $n == 2000 });
  run_loop_until (sub { Cfut::debug_get_n_futures () == 0 });
};

done_testing;
