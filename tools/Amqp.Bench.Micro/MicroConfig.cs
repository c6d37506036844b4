using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;

namespace Amqp.Bench.Micro;

/// <summary>
/// How everything here is measured: with the bytes that an operation allocates, and each benchmark in a process of its own, which
/// BenchmarkDotNet builds and starts, so that what the compiler learned from one does not help or hinder the next.
/// </summary>
internal sealed class MicroConfig : ManualConfig
{
    public MicroConfig()
    {
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumnProvider(DefaultColumnProviders.Instance);
        // On a machine that is not quiet, what was not disturbed.
        AddColumn(StatisticColumn.Min);
        AddLogger(ConsoleLogger.Default);
        AddExporter(MarkdownExporter.GitHub);
        // Beside what was built, where neither git nor the tidy tests look.
        ArtifactsPath = Path.Combine(AppContext.BaseDirectory, "results");
    }
}
