using System.Globalization;
using System.Text.RegularExpressions;

namespace Amqp.Bench;

/// <summary>What figures were measured on: they mean nothing without it, and it is printed above them to be copied with them.</summary>
internal static partial class Machine
{
    private const double KibibytesPerGibibyte = 1024 * 1024;

    /// <summary>Cores, processor, memory, kernel, .NET, date. No name of it, and nothing about who owns it.</summary>
    public static string Description
    {
        get
        {
            var model = Model().Match(File.ReadAllText("/proc/cpuinfo")).Groups["model"].Value;
            var memory = double.Parse(MemoryTotal().Match(File.ReadAllText("/proc/meminfo")).Groups["kib"].Value, CultureInfo.InvariantCulture);
            var kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{Environment.ProcessorCount} cores ({model}), {memory / KibibytesPerGibibyte:0} GiB of memory, Linux {kernel}, .NET {Environment.Version}, {DateTime.UtcNow:yyyy-MM-dd}");
        }
    }

    [GeneratedRegex(@"^model name\s*:\s*(?<model>.+)$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Model();

    [GeneratedRegex(@"^MemTotal:\s*(?<kib>\d+) kB$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MemoryTotal();
}
