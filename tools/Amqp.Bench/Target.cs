using System.Diagnostics;
using Amqp.Perf;

namespace Amqp.Bench;

/// <summary>A broker that is measured: where it listens, and its process.</summary>
internal sealed record Target(string Name, string Uri, int ProcessId)
{
    public AmqpUri Address => AmqpUri.Parse(Uri);

    /// <summary>Bytes of memory that it has from the system.</summary>
    public long ResidentBytes
    {
        get
        {
            using var process = Process.GetProcessById(ProcessId);
            return process.WorkingSet64;
        }
    }
}
