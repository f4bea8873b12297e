/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;

/** The same work with Java's executors: java Bench fixed|fork-join N WORKERS WINDOW,
    once for each line of the input */
public class Bench
{
  private static void flow (ExecutorService executor, int n, int window) throws Exception
  {
    Future<?>[] futures = new Future<?>[window];

    for (int done = 0; done < n;) {
      int now = Math.min (window, n - done);

      for (int i = 0; i < now; i++)
        futures[i] = executor.submit (() -> {});
      for (int i = 0; i < now; i++)
        futures[i].get ();
      done += now;
    }
  }

  private static long processorTime ()
  {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean ())
      .getProcessCpuTime ();
  }

  private static void measure (String name, int n, int workers, int window, int warmUps) throws Exception
  {
    ExecutorService executor = name.equals ("fixed") ? Executors.newFixedThreadPool (workers)
                                                     : new ForkJoinPool (workers);

    for (int round = 0; round < warmUps; round++)
      flow (executor, n, window);

    long wall = System.nanoTime ();
    long cpu = processorTime ();
    flow (executor, n, window);
    System.out.printf (Locale.ROOT, "{\"case\": \"%s\", \"ns\": %.6g, \"cpu_ns\": %.6g}%n",
                       name, (double) (System.nanoTime () - wall) / n,
                       (double) (processorTime () - cpu) / n);
    System.out.flush ();
    executor.shutdown ();
  }

  public static void main (String[] arguments) throws Exception
  {
    int n = Integer.parseInt (arguments[1]);
    int workers = Integer.parseInt (arguments[2]);
    int window = Integer.parseInt (arguments[3]);
    BufferedReader input = new BufferedReader (new InputStreamReader (System.in));

    // At first until the compiler has had its turn.
    for (int warmUps = 10; input.readLine () != null; warmUps = 1)
      measure (arguments[0], n, workers, window > 0 ? window : n, warmUps);
  }
}
