using Amqp.Bench.Micro;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;

// Everything, and shortly, so that all of it takes a few minutes, unless the command line says otherwise. A job in the configuration
// could not be replaced from there.
string[] arguments = [.. Unless("--filter", "-f", "*"), .. Unless("--job", "-j", "short"), .. args];
var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(arguments, new MicroConfig()).ToList();

// BenchmarkDotNet says a lot along the way: the tables once more, together.
foreach (var summary in summaries) MarkdownExporter.Console.ExportToLog(summary, ConsoleLogger.Default);
return summaries.Exists(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;

string[] Unless(string option, string shortOption, string value) =>
    args.Any(argument => argument.Split('=')[0] is var name && (name == option || name == shortOption)) ? [] : [option, value];
