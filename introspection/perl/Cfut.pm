# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors

package Cfut;

# The library in Perl: what the typelib says, without what cannot work.
#
#   use Cfut;
#   my $pool = Cfut::ProcessExecutor->new ([ './worker' ], 0);
#   print $pool->call (undef, 'multiply', $arguments)->result (-1);
#
# Threads: an interpreter of Perl is for one thread. Whatever would call a function of the language on
#   another thread dies with a message that says what to use instead. Callbacks, chains and lines of
#   commands come from the main loop, and are fine.
# Invariants:
# 1. No function of the language that the library calls dies out of it, across its frames: a callback
#    warns, and what follows a future fails with what it died of.

use strict;
use warnings;

use Carp ();
use Glib::Object::Introspection;

our $VERSION = '1.000';

my $INSTEAD = 'use functions of a worker process in another language, by Cfut::ProcessExecutor and call, '
  . 'or commands, by run';
my $OTHER_THREAD = 'a Perl function cannot run on another thread';
my $BY_NAME = 'a Perl function cannot be called by its name';

my $is_set_up;

sub import {
  return if $is_set_up++;

  Glib::Object::Introspection->setup (basename => 'Cfut', version => '1', package => 'Cfut');

  _refuse ("Executor::$_", $OTHER_THREAD)
    for qw(submit submit_full post register map map_array map_model map_range);
  _refuse ('ThreadExecutor::set_initializer', $OTHER_THREAD);
  _refuse ('Functions::add', $BY_NAME);
  _refuse ('Worker::register', $BY_NAME);

  _replace ('Future::from_async', sub {
    Carp::croak ('Cfut::Future::from_async: use a Cfut::Promise, which a callback settles');
  });

  _wrap ($_, \&_warn_of)
    for qw(Future::add_done_callback Future::wait_async Group::wait_async Group::next_async Map::next_async
           Executor::shutdown_async Executor::wait_ready_async Command::set_line_func);
  _wrap ("Future::$_", \&_fail_with) for qw(chain recover always);

  # Flags have several forms: what is not the default's is taken for "direct".
  my $add_done_callback = \&Cfut::Future::add_done_callback;
  _replace ('Future::add_done_callback', sub {
    my ($future, $flags, @rest) = @_;

    my @flags = ref $flags eq 'ARRAY' ? @$flags : defined $flags ? ($flags) : ();
    Carp::croak ("Cfut::Future::add_done_callback: $OTHER_THREAD; use the flags []")
      if grep { $_ ne 'default' } @flags;
    return $add_done_callback->($future, [], @rest);
  });
}

sub _replace {
  my ($name, $function) = @_;

  no strict 'refs';
  no warnings 'redefine';
  *{"Cfut::$name"} = $function;
}

sub _refuse {
  my ($name, $reason) = @_;

  _replace ($name, sub { Carp::croak ("Cfut::$name: $reason; $INSTEAD") });
}

# Has each function that a method is given made into another one.
sub _wrap {
  my ($name, $make) = @_;
  my $method = do { no strict 'refs'; \&{"Cfut::$name"} };

  _replace ($name, sub { $method->(map { ref $_ eq 'CODE' ? $make->($_) : $_ } @_) });
}

sub _quark {
  return Glib::Object::Introspection->invoke ('GLib', undef, 'quark_from_string', shift);
}

sub _warn_of {
  my $function = shift;

  return sub { eval { $function->(@_); 1 } or warn $@ };
}

sub _fail_with {
  my $function = shift;

  return sub {
    my $following = eval { $function->(@_) };

    return $following if defined $following;
    my $promise = Cfut::Promise->new;
    my $reason = $@ || 'Nothing follows';
    my $is_error = ref $reason && $reason->isa ('Glib::Error');
    $promise->reject_literal (_quark ($is_error ? $reason->domain : 'g-io-error-quark'),
      $is_error ? $reason->code : 0, $is_error ? $reason->message : "$reason" =~ s/\n\z//r);
    return $promise->get_future;
  };
}

1;
