using Amqp.Cluster.Etcd;
using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Membership;

/// <summary>
/// This node's lease in etcd, under which it says that it runs. It is renewed every third of its time, at the next member of etcd when one fails; when it is gone all the same,
/// the node registers anew. One loop owns it.
/// </summary>
/// <param name="doubted">Called by the loop: whether the lease is in doubt.</param>
/// <param name="failed">Called once, if this node must not go on: it was removed, or another process has its name.</param>
internal sealed partial class NodeLease(
    EtcdClient client, Registry registry, NodeRecord self, Twins twins, Action<bool> doubted, Action<Exception> failed, ILogger logger) : IAsyncDisposable
{
    /// <summary>A silent node is gone after that.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RenewAfter = TimeToLive / 3;
    private static readonly TimeSpan DoubtAfter = TimeToLive * 2 / 3;

    /// <summary>For one try, so that a second one at another member fits before the lease is in doubt.</summary>
    private static readonly TimeSpan PatienceToRenew = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _ended = new();
    private Task _keeping = Task.CompletedTask;
    private long _id;
    private long _renewedAt;
    private bool _isToldInDoubt;
    private bool _hasFailed;

    /// <summary>It was not renewed for two thirds of its time: other nodes may soon take this one for gone. By the clock, so it is right also when the loop is late.</summary>
    public bool IsInDoubt => client.Time.GetElapsedTime(Volatile.Read(ref _renewedAt)) >= DoubtAfter;

    /// <summary>Registers this node, in place of an earlier start of it. Called once.</summary>
    /// <exception cref="ClusterException">Another process with its name runs, or it is no member.</exception>
    public async Task Begin(CancellationToken cancellation)
    {
        await Register(mayReplace: true, cancellation);
        _keeping = Keep();
    }

    /// <summary>Renews it no more, and gives it back: the others see at once that this node has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await Abandon();
        if (_id == 0) return;
        try
        {
            using var patience = new CancellationTokenSource(PatienceToRenew, client.Time);
            var request = new LeaseRevokeRequest { ID = _id };
            _id = 0;
            await client.Once((channel, options) => new Lease.LeaseClient(channel).LeaseRevokeAsync(request, options).ResponseAsync, patience.Token);
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            LogNotRevoked(logger, exception.Message);
        }
    }

    /// <summary>Renews it no more, and leaves it to its end, as a process that is killed does.</summary>
    internal async Task Abandon()
    {
        if (!_ended.IsCancellationRequested) await _ended.CancelAsync();
        await _keeping;
    }

    private async Task Keep()
    {
        try
        {
            while (true)
            {
                await DelayUntil(RenewAfter);
                var renewing = Renew(_ended.Token);
                await Task.WhenAny(renewing, DelayUntil(DoubtAfter));
                Tell();
                await renewing;
                Tell();
            }
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // It is over.
        }
#pragma warning disable CA1031 // Whatever ended the loop, the process must learn of it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failed(exception);
        }
    }

    /// <summary>One try; after one that failed the caller asks again.</summary>
    private async Task Renew(CancellationToken cancellation)
    {
        var began = client.Time.GetTimestamp();
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(PatienceToRenew);
            if (await AskForTime(patience.Token) > 0)
            {
                Volatile.Write(ref _renewedAt, began);
                _hasFailed = false;
                return;
            }
            LogGone(logger, self.Name);
            await Register(mayReplace: false, cancellation);
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!_hasFailed) LogNotRenewed(logger, ReasonOf(exception));
            _hasFailed = true;
            await Task.Delay(PauseBetweenTries, client.Time, cancellation);
        }
    }

    /// <returns>Seconds until it ends; 0: it is gone.</returns>
    private Task<long> AskForTime(CancellationToken cancellation) => client.Once(
        async (channel, options) =>
        {
            using var call = new Lease.LeaseClient(channel).LeaseKeepAlive(options);
            try
            {
                await call.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = _id }, options.CancellationToken);
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException)
            {
                // The connection ends at that moment, which writing does not show as a call that failed.
                throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception));
            }
            if (!await call.ResponseStream.MoveNext(options.CancellationToken)) throw new RpcException(new Status(StatusCode.Unavailable, "etcd has ended the call"));
            return call.ResponseStream.Current.TTL;
        },
        cancellation);

    /// <param name="mayReplace">An earlier start of this node may still be registered.</param>
    private async Task Register(bool mayReplace, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var began = client.Time.GetTimestamp();
                var request = new LeaseGrantRequest { TTL = (long)TimeToLive.TotalSeconds };
                var granted = await client.Once((channel, options) => new Lease.LeaseClient(channel).LeaseGrantAsync(request, options).ResponseAsync, cancellation);
                var (found, revision) = await registry.FindNode(self.Name, cancellation);
                var isOther = found is not null && (found.Epoch, found.Directory) != (self.Epoch, self.Directory);
                if (isOther && !mayReplace) throw new ClusterException($"Another process with the name {self.Name} runs at {found!.Links}. This one ends; give it a name of its own (Cluster:Node) if both are to run.");
                if (isOther) await twins.Refuse(registry, cancellation);
                if (await registry.PutNode(self, revision, granted.ID, cancellation))
                {
                    _id = granted.ID;
                    Volatile.Write(ref _renewedAt, began);
                    return;
                }
                if (await registry.FindMember(self.Name, cancellation) is null) throw new RemovedException(self.Name);
            }
            catch (RpcException exception) when (EtcdClient.IsTransient(exception))
            {
                cancellation.ThrowIfCancellationRequested();
                LogNotRegistered(logger, self.Name, exception.Message);
            }
            await Task.Delay(PauseBetweenTries, client.Time, cancellation);
        }
    }

    private static string ReasonOf(Exception exception) => exception is RpcException { Status.Detail: { Length: > 0 } detail } ? detail : exception.Message;

    private void Tell()
    {
        var now = IsInDoubt;
        if (now == _isToldInDoubt) return;
        _isToldInDoubt = now;
        if (now) LogInDoubt(logger, self.Name, DoubtAfter.TotalSeconds);
        else LogRenewed(logger, self.Name);
        doubted(now);
    }

    private Task DelayUntil(TimeSpan sinceRenewal)
    {
        var left = sinceRenewal - client.Time.GetElapsedTime(_renewedAt);
        return left > TimeSpan.Zero ? Task.Delay(left, client.Time, _ended.Token) : Task.CompletedTask;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of {Node} in etcd has ended. It registers anew; nodes whose links to this one are broken have taken it for gone, and deleted its exclusive and transient queues")]
    private static partial void LogGone(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The lease of this node was not renewed ({Reason}); trying at another member of etcd")]
    private static partial void LogNotRenewed(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} could not register in etcd ({Reason}); trying again")]
    private static partial void LogNotRegistered(ILogger logger, string node, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The lease of {Node} was not renewed for {Seconds:F1} s: etcd has lost its majority, or cannot be reached from here. Until it is renewed the other nodes may take this one for gone. What it leads of mirrored queues confirms nothing and hands out nothing meanwhile. Look which nodes run, and at the network between them")]
    private static partial void LogInDoubt(ILogger logger, string node, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "The lease of {Node} is renewed again")]
    private static partial void LogRenewed(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Information, Message = "The lease of this node was not given back ({Reason}); it ends by itself")]
    private static partial void LogNotRevoked(ILogger logger, string reason);
}
