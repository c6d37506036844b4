using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;

namespace Amqp.Bench;

/// <summary>A broker that is measured: where it listens, and its process.</summary>
internal sealed record Target(string Name, string Uri, int ProcessId)
{
    /// <summary>Clock ticks a second of the times in /proc; Linux has no other value.</summary>
    private const double TicksPerSecond = 100;

    private const int UserTimeField = 11; // of those behind the program's name
    private const int SystemTimeField = 12;

    public AmqpUri Address => AmqpUri.Parse(Uri);

    /// <summary>Processor time that it has used, all threads together.</summary>
    public double CpuSeconds
    {
        get
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (Number(fields[UserTimeField]) + Number(fields[SystemTimeField])) / TicksPerSecond;
        }
    }

    /// <summary>Bytes of memory that it has from the system.</summary>
    public long ResidentBytes
    {
        get
        {
            using var process = Process.GetProcessById(ProcessId);
            return process.WorkingSet64;
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
