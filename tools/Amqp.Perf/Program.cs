using System.CommandLine;
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
    Console.CancelKeyPress += (_, interrupt) =>
    {
        interrupt.Cancel = true;
        test.Interrupt();
    };
    var report = test.Execute();
    if (options.Json) Console.WriteLine(report.ToJson());
    else report.Print(AnsiConsole.Console);
    return 0;
}
