#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The library as Perl has it by the typelib alone, without its module: functions are refused on other
# threads, where the first would crash the interpreter. Speaks TAP.

use strict;
use warnings;

BEGIN {
  unless (eval { require Glib::Object::Introspection; 1 }) {
    print "1..0 # SKIP this Perl has no Glib::Object::Introspection\n";
    exit 0;
  }
  Glib::Object::Introspection->setup (basename => 'Cfut', version => '1', package => 'Cfut');
}

use constant N_TASKS => 500;

sub never {
  print "Bail out! A function was called\n";
  exit 9;
}

sub check_refused {
  my ($future, $domain) = @_;

  eval { $future->result (-1); 1 } and die "it succeeded\n";
  die $@ unless $@->domain eq ($domain // 'g-io-error-quark') && $@ =~ /another thread/;
}

my $executor = Cfut::ThreadExecutor->new (4);
my @tests = (
  'submitted functions' => sub {
    my @futures = map { $_ % 2 ? $executor->submit (\&never) : $executor->submit_full (undef, \&never) } 1 .. N_TASKS;

    check_refused ($_) for @futures;
  },
  'functions of maps' => sub {
    check_refused ($executor->map_range (undef, 0, N_TASKS, 1, \&never));
    check_refused ($executor->map (undef, N_TASKS, 0, \&never)->next (-1, undef));
    check_refused ($executor->map_array (undef, [Cfut::Promise->new], 0, \&never)->next (-1, undef));
  },
  'functions with names' => sub {
    my $functions = Cfut::Functions->new;

    $functions->add ('added', \&never);
    $executor->set_functions ($functions);
    $executor->register ('registered', \&never);
    check_refused ($executor->call (undef, $_ % 2 ? 'added' : 'registered', undef)) for 1 .. N_TASKS;
  },
  'an initializer' => sub {
    my $broken = Cfut::ThreadExecutor->new (1);

    $broken->set_initializer (\&never);
    check_refused ($broken->submit (\&never), 'cfut-future-error-quark');
  },
  'a direct callback comes from the main loop' => sub {
    my $commands = Cfut::ProcessExecutor->new (undef, 2);
    my $n = 0;

    $commands->run (undef, undef, ['true'], undef)->add_done_callback ('direct', sub { $n++ }) for 1 .. 5;
    Glib::MainContext->default->iteration (1) while $n < 5;
  },
);

my $n_failed = 0;
print '1..', @tests / 2, "\n";
for my $i (1 .. @tests / 2) {
  my ($title, $function) = splice @tests, 0, 2;
  my $is_ok = eval { $function->(); 1 };

  print $is_ok ? 'ok ' : 'not ok ', "$i $title\n";
  unless ($is_ok) {
    $n_failed++;
    print '# ', $@ =~ s/\n(?!\z)/\n#   /gr;
  }
}
exit ($n_failed ? 1 : 0);
