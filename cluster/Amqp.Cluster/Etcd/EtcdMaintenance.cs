using Etcdserverpb;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Service = Etcdserverpb.Maintenance.MaintenanceClient;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// Looks after this node's member of etcd: its file never becomes smaller by itself, so it is written anew once a day, or when it is large and half of it is unused. A member whose file is full
/// raises an alarm, and no node can change anything until it is disarmed.
/// </summary>
/// <param name="client">Of this member only.</param>
/// <param name="bytesMax">Beyond which it raises the alarm.</param>
internal sealed partial class EtcdMaintenance(EtcdClient client, string node, long bytesMax, ILogger<EtcdMaintenance> logger) : IAsyncDisposable
{
    private const string NoSpace = "NOSPACE";

    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Daily = TimeSpan.FromDays(1);

    /// <summary>Writing some gigabytes anew.</summary>
    private static readonly TimeSpan PatienceToDefragment = TimeSpan.FromMinutes(10);

    private readonly CancellationTokenSource _ended = new();
    private Task _running = Task.CompletedTask;
    private long _defragmentedAt = client.Time.GetTimestamp();

    /// <summary>Above this size half of it being unused counts.</summary>
    public long LargeBytes { get; init; } = 128 << 20;

    /// <summary>How often a full file is written anew, to see whether there is room: what etcd says of that may be old, since nothing is written any more.</summary>
    public TimeSpan TryFullEvery { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Looks every minute from now on.</summary>
    public void Begin() => _running = Run();

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _running;
        _ended.Dispose();
        client.Dispose();
    }

    /// <summary>Does what is to be done now.</summary>
    /// <exception cref="RpcException">The member does not answer.</exception>
    public async Task Look(CancellationToken cancellation)
    {
        var status = await Status(cancellation);
        var isAlarmed = (await Alarms(client, cancellation)).Any(alarm => alarm.MemberID == status.Header.MemberId && alarm.Alarm == AlarmType.Nospace);
        if (isAlarmed) LogNoSpace(logger, node, status.DbSize >> 20, bytesMax >> 20);
        var isHalfUnused = status.DbSize > LargeBytes && status.DbSizeInUse < status.DbSize / 2;
        if (!isHalfUnused && client.Time.GetElapsedTime(_defragmentedAt) < (isAlarmed ? TryFullEvery : Daily)) return;
        _defragmentedAt = client.Time.GetTimestamp();
        await client.Once((channel, options) => Defragment(channel, options, cancellation), cancellation);
        var after = await Status(cancellation);
        LogDefragmented(logger, node, status.DbSize >> 20, after.DbSize >> 20);
        if (!isAlarmed || after.DbSize > bytesMax / 4 * 3) return;
        var disarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = status.Header.MemberId, Alarm = AlarmType.Nospace };
        await client.Once((channel, options) => new Service(channel).AlarmAsync(disarm, options).ResponseAsync, cancellation);
        LogDisarmed(logger, node);
    }

    /// <summary>All alarms that are raised.</summary>
    public static async Task<IReadOnlyList<AlarmMember>> Alarms(EtcdClient client, CancellationToken cancellation)
    {
        var request = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Get };
        return (await client.Once((channel, options) => new Service(channel).AlarmAsync(request, options).ResponseAsync, cancellation)).Alarms;
    }

    /// <summary>As etcdctl names it.</summary>
    public static string NameOf(AlarmType alarm) => alarm == AlarmType.Nospace ? NoSpace : alarm.ToString().ToUpperInvariant();

    private static async Task<DefragmentResponse> Defragment(GrpcChannel channel, CallOptions options, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(PatienceToDefragment);
        return await new Service(channel).DefragmentAsync(new DefragmentRequest(), new CallOptions(options.Headers, deadline: null, patience.Token));
    }

    private Task<StatusResponse> Status(CancellationToken cancellation) =>
        client.Once((channel, options) => new Service(channel).StatusAsync(new StatusRequest(), options).ResponseAsync, cancellation);

    private async Task Run()
    {
        while (!_ended.IsCancellationRequested)
        {
            await Task.Delay(LookEvery, client.Time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await Look(_ended.Token);
            }
            catch (Exception exception) when (exception is RpcException or OperationCanceledException)
            {
                if (!_ended.IsCancellationRequested) LogNotLooked(logger, node, exception.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "etcd of {Node} is full ({MiB} of {MaxMiB} MiB, alarm NOSPACE): no node can declare or change anything. Delete queues, exchanges and bindings that are not needed. "
        + "What is deleted is free after an hour, when etcd forgets its history; then the file is written anew and the alarm is disarmed by itself")]
    private static partial void LogNoSpace(ILogger logger, string node, long mib, long maxMib);

    [LoggerMessage(Level = LogLevel.Information, Message = "The file of etcd of {Node} was written anew: {Before} MiB before, {After} MiB now")]
    private static partial void LogDefragmented(ILogger logger, string node, long before, long after);

    [LoggerMessage(Level = LogLevel.Warning, Message = "etcd of {Node} has room again, and its alarm NOSPACE is disarmed")]
    private static partial void LogDisarmed(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "etcd of {Node} could not be looked after ({Reason}); that is tried again in a minute")]
    private static partial void LogNotLooked(ILogger logger, string node, string reason);
}
