using System.CommandLine;
using System.Runtime.InteropServices;
using Amqp.Perf;
using Spectre.Console;

try
{
    return CommandLine.Build(Execute).Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (PerfException failure)
{
    Console.Error.WriteLine($"amqpperf: {failure.Message}");
    return 1;
}

static int Execute(PerfOptions options)
{
    using var test = new LoadTest(options, new ProgressLines(options, options.Json ? Console.Error : Console.Out));
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
    using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
    var report = test.Execute();
    if (options.Json) Console.WriteLine(report.ToJson());
    else report.Print(AnsiConsole.Console);
    return 0;

    // The run then ends as if its time were over: queues are deleted and figures shown.
    void Interrupt(PosixSignalContext signal)
    {
        signal.Cancel = true;
        test.Interrupt();
    }
}
