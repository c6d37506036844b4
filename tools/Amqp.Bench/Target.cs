using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>A broker that is measured: where it listens, and its process. Of a cluster it is the first node.</summary>
internal sealed record Target(string Name, string Uri, int ProcessId)
{
    private const double StableShare = 0.002;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>Of its management API; 0: there is none, or it is not known.</summary>
    public int ManagementPort { get; init; }

    /// <summary>Where the other nodes of its cluster listen.</summary>
    public IReadOnlyList<string> OtherNodes { get; init; } = [];

    /// <summary>Of a cluster: runs its <c>rabbitmqctl</c> with these arguments, and returns what that prints.</summary>
    public Func<string[], string>? Control { get; init; }

    public AmqpUri Address => AmqpUri.Parse(Uri);

    public bool IsRunning => Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}"));

    /// <summary>Processor time that it has used, all threads together.</summary>
    public double CpuSeconds
    {
        get
        {
            using var process = Process.GetProcessById(ProcessId);
            return process.TotalProcessorTime.TotalSeconds;
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

    /// <summary>The same when it does not change any more.</summary>
    public long SettledBytes()
    {
        var before = ResidentBytes;
        while (true)
        {
            Thread.Sleep(Look);
            var now = ResidentBytes;
            if (Math.Abs(now - before) <= before * StableShare) return now;
            before = now;
        }
    }

    public void DeleteQueue(string name)
    {
        using var connection = PerfConnection.Open(Address, "amqpbench");
        connection.Call<QueueDelete, QueueDeleteOk>(new QueueDelete(name, IfUnused: false, IfEmpty: false, NoWait: false));
    }
}
