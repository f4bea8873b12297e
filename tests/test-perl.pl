#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The library as Perl has it, by its module. Speaks TAP.
#
# usage: perl test-perl.pl WORKER, a program that is a worker

use strict;
use warnings;

use Carp qw(croak);

BEGIN {
  unless (eval { require Glib::Object::Introspection; 1 }) {
    print "1..0 # SKIP this Perl has no Glib::Object::Introspection\n";
    exit 0;
  }
}

use Cfut;

my $worker = shift;

my @tests;

sub test {
  push @tests, [@_];
}

sub check {
  my ($condition, $message) = @_;

  croak ($message // 'that is not so') unless $condition;
}

sub check_is {
  my ($value, $expected) = @_;

  check ($value eq $expected, "$value instead of $expected");
}

sub check_like {
  my ($text, $pattern) = @_;

  check ($text =~ $pattern, "$text does not fit $pattern");
}

# Runs the main loop until something is so, or too long.
sub run_loop_until {
  my $condition = shift;
  my $context = Glib::MainContext->default;
  my $is_late = 0;
  my $guard = Glib::Timeout->add_seconds (60, sub { $is_late = 1 });

  $context->iteration (1) until $condition->() || $is_late;
  Glib::Source->remove ($guard);
  check (!$is_late, 'that did not come in time');
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

test 'a promise resolves its future' => sub {
  my $promise = Cfut::Promise->new;

  check_is ($promise->get_future->get_state, 'pending');
  check ($promise->resolve_string ('done'));
  check (!$promise->resolve_string ('again'));
  check_is ($promise->get_future->result (0), 'done');
  check_like (error_of (sub { $promise->get_future->result_int64 (0) }), qr/gint64/);
};

test 'signals and callbacks come from the main loop in their order' => sub {
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
  check (!@order);
  run_loop_until (sub { @order == 3 });
  check_is ("@order", 'done first last');
  check_is ("@warnings", "in a callback\n");
};

test 'a wait with a callback' => sub {
  my $promise = Cfut::Promise->new;
  my $future = $promise->get_future;
  my $result;

  $future->wait_async (-1, undef, sub {
    $future->wait_finish ($_[1]);
    $result = $future->result (0);
  });
  $promise->resolve_int64 (7);
  run_loop_until (sub { defined $result });
  check_is ($result, 7);
};

test 'what follows a future' => sub {
  my $chained = resolved (1)->chain (sub { resolved ($_[0]->result (0) + 1) });
  my $failed = $chained->chain (sub { die "no further\n" });

  check_is ($chained->result (-1), 2);
  check_like (error_of (sub { $failed->result (-1) }), qr/^no further/);
  check_is ($failed->recover (sub { resolved (3) })->result (-1), 3);
  check_like (error_of (sub { $failed->recover (sub { return })->result (-1) }), qr/Nothing follows/);
};

test 'a group hands out what settles' => sub {
  my $group = Cfut::Group->new;
  my $sum = 0;

  $group->add (resolved ($_)) for 1 .. 5;
  while (my $future = $group->next (-1, undef)) {
    $sum += $future->result (0);
  }
  check_is ($sum, 15);
};

test 'functions of a worker process' => sub {
  my $pool = Cfut::ProcessExecutor->new ([$worker], 1);

  check_is ($pool->call (undef, 'add', Glib::Variant->new ('(xx)', [40, 2]))->result (-1)->get ('x'), 42);
  check_like (error_of (sub { $pool->call (undef, 'nobody', undef)->result (-1) }), qr/no function/);
};

test 'commands' => sub {
  my $pool = Cfut::ProcessExecutor->new (undef, 2);
  my $command = Cfut::Command->new;
  my @lines;

  $command->set_line_func (sub { push @lines, $_[2] });
  my $future = $pool->run (undef, $command, ['printf', 'one\ntwo\n'], undef);
  run_loop_until (sub { @lines == 2 && $future->get_state eq 'resolved' });
  check_is ("@lines", 'one two');
  check_is ($future->result (0)->dup_stdout_text, "one\ntwo\n");
  check_like (error_of (sub { $pool->run (undef, undef, ['false'], undef)->result (-1) }), qr/exited with status 1/);
};

test 'functions for other threads are refused' => sub {
  my $executor = Cfut::ThreadExecutor->new (1);
  my $never = sub { exit 9 };

  check_like (error_of (sub { $executor->$_ ($never) }), qr/another thread/)
    for qw(submit submit_full post register map map_array map_model map_range set_initializer);
  check_like (error_of (sub { Cfut::Future::from_async (undef, $never, $never, undef) }), qr/Promise/);
  check_like (error_of (sub { Cfut::Functions->new->add ('x', $never) }), qr/by its name/);
  check_like (error_of (sub { Cfut::Worker->new->register ('x', $never) }), qr/by its name/);
  check_like (error_of (sub { resolved (1)->add_done_callback ($_, $never) }), qr/another thread/)
    for 'direct', ['direct'], ['default', 'direct'];
};

test 'many futures with callbacks' => sub {
  my $n = 0;

  resolved ($_)->add_done_callback ([], sub { $n++ }) for 1 .. 2000;
  run_loop_until (sub { $n == 2000 });
  run_loop_until (sub { Cfut::debug_get_n_futures () == 0 });
};

my $n_failed = 0;
print '1..', scalar @tests, "\n";
for my $i (0 .. $#tests) {
  my ($title, $function) = @{$tests[$i]};
  my $is_ok = eval { $function->(); 1 };

  print $is_ok ? 'ok ' : 'not ok ', $i + 1, " $title\n";
  unless ($is_ok) {
    $n_failed++;
    print '# ', $@ =~ s/\n(?!\z)/\n#   /gr;
  }
}
exit ($n_failed ? 1 : 0);
