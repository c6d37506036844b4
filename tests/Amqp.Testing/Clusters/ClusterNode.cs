using System.Globalization;

namespace Amqp.Testing.Clusters;

/// <summary>A node of a cluster: its process, which comes and goes, and what it says of its queues.</summary>
public sealed class ClusterNode(string name, int linkPort, string[] options)
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromMinutes(2);

    private TestBroker? _broker;

    /// <summary>As tests have it: n1.</summary>
    public string Name => name;

    /// <summary>As the cluster has it: n1@127.0.0.1.</summary>
    public string FullName => $"{name}@127.0.0.1";

    public int LinkPort => linkPort;

    public int Port => Broker.Port;

    public TestBroker Broker => _broker ?? throw new InvalidOperationException($"{name} was never started");

    /// <summary>False from the moment at which a test ends it, until it serves clients again.</summary>
    public bool IsUp { get; private set; }

    public async Task Start()
    {
        if (_broker is null) _broker = await TestBroker.StartWithin(StartsWithin, [$"--Node:Name={FullName}", $"--Cluster:Port={linkPort}", .. options]);
        else if (!IsUp) await _broker.Restart();
        IsUp = true;
    }

    /// <summary>kill -9, or the power switch.</summary>
    public Task Kill()
    {
        IsUp = false;
        return Broker.Kill();
    }

    /// <summary>SIGTERM; returns when the process has ended.</summary>
    public async Task Stop()
    {
        IsUp = false;
        Assert.That(await Broker.Stop(), Is.Zero, $"exit code of {name}");
    }

    /// <summary>SIGSTOP: the process stands still, and its sockets stay open.</summary>
    public Task Freeze() => Signal("STOP", Broker.ProcessId);

    /// <summary>SIGCONT.</summary>
    public Task Thaw() => Signal("CONT", Broker.ProcessId);

    public Task FreezeEtcd() => Signal("STOP", EtcdProcessId());

    public Task ThawEtcd() => Signal("CONT", EtcdProcessId());

    /// <summary>kill -9 of the node's member of etcd, which the node starts again.</summary>
    public Task KillEtcd() => Signal("KILL", EtcdProcessId());

    public bool HasEtcd => FindEtcd() is not null;

    /// <summary>The node loses all that is on its disk. It must not run.</summary>
    public void Wipe()
    {
        Assert.That(IsUp, Is.False, $"{name} runs");
        Directory.Delete(Broker.Directory, recursive: true);
        Directory.CreateDirectory(Broker.Directory);
    }

    /// <summary>What its own copy of a queue has; null: it has no copy.</summary>
    public async Task<int?> MessagesIn(string queue) =>
        (await Queues()).FirstOrDefault(line => line.Name == queue) is { Name: not null } found ? found.Messages : null;

    /// <summary>Names of queues that a defect has ended here.</summary>
    public async Task<string[]> Crashed() => [.. (await Queues()).Where(queue => queue.State != "running").Select(queue => $"{queue.Name} on {name} is {queue.State}")];

    /// <summary>The number by which the cluster knows a queue.</summary>
    public async Task<long?> NumberOf(string queue)
    {
        var answer = await new ControlApi(Broker).Get($"queues/%2F/{Uri.EscapeDataString(queue)}");
        // The number is the last part of what the API shows as the process of the queue.
        return answer.Json?["pid"]?.GetValue<string>() is { } pid ? long.Parse(pid[(pid.LastIndexOf('.') + 1)..^1], CultureInfo.InvariantCulture) : null;
    }

    public async ValueTask DisposeAsync()
    {
        IsUp = false;
        if (_broker is not null) await _broker.DisposeAsync();
    }

    private async Task<(string? Name, int Messages, string State)[]> Queues() =>
        [.. (await new ControlApi(Broker).List("queues")).Select(queue => (queue["name"]?.GetValue<string>(), queue["messages"]!.GetValue<int>(), queue["state"]!.GetValue<string>()))];

    private static async Task Signal(string signal, int process)
    {
        var (code, text) = await Command.Run("/bin/kill", [$"-{signal}", process.ToString(CultureInfo.InvariantCulture)], Patience.Answer);
        Assert.That(code, Is.Zero, text);
    }

    /// <summary>Of the process whose data are in this node's directory.</summary>
    private int EtcdProcessId() => FindEtcd() ?? throw new InvalidOperationException($"no etcd of {name} runs");

    private int? FindEtcd()
    {
        foreach (var process in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out var number)) continue;
            try
            {
                var words = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
                if (Path.GetFileName(words[0]) == "etcd" && words.Any(word => word.StartsWith(Broker.Directory + "/", StringComparison.Ordinal))) return number;
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }
        return null;
    }
}
