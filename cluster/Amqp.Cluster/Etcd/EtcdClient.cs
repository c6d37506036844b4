using System.Security.Cryptography.X509Certificates;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Polly;
using Polly.Retry;
using Headers = Grpc.Core.Metadata;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// Calls to etcd, at one of its members after the other. Reads are tried again until they succeed; what changes something is tried once, since a call that fails
/// may have happened: who makes it finds out, and decides.
/// </summary>
public sealed class EtcdClient : IDisposable
{
    /// <summary>Keys that are read at a time: with 2,000 definitions an answer is below gRPC's limit of 4 MB.</summary>
    private const int PageKeys = 2_000;

    // A member without a leader refuses at once, instead of waiting for one.
    private static readonly Headers NeedsLeader = new() { { "hasleader", "true" } };

    private readonly EtcdOptions _options;
    private readonly ResiliencePipeline _reads;
    private readonly TimeProvider _time;
    private Members _members;

    public EtcdClient(EtcdOptions options, TimeProvider time)
    {
        if (options.Endpoints.Count == 0) throw new ArgumentException("at least one endpoint is needed", nameof(options));
        (_options, _time) = (options, time);
        _members = new Members([.. options.Endpoints.Select(endpoint => (endpoint, NewChannel(endpoint)))], Current: 0);
        _reads = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<RpcException>(IsTransient),
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(20),
                MaxDelay = TimeSpan.FromSeconds(1),
                UseJitter = true,
                MaxRetryAttempts = int.MaxValue,
            })
            .Build();
    }

    /// <summary>Under which everything is.</summary>
    public string Prefix => _options.Prefix;

    internal EtcdOptions Options => _options;

    internal TimeProvider Time => _time;

    private DateTime Deadline => _time.GetUtcNow().UtcDateTime.AddMilliseconds(_options.CallMs);

    private GrpcChannel Channel
    {
        get
        {
            var members = Volatile.Read(ref _members);
            return members.Channels[members.Current].Channel;
        }
    }

    /// <summary>The call did not come through, or nothing says whether it did; it may at another member, or later.</summary>
    public static bool IsTransient(RpcException exception) =>
        exception.StatusCode is StatusCode.Unavailable or StatusCode.Unknown or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal or StatusCode.ResourceExhausted;

    /// <summary>The value of one key, as of a moment after the call began; null: there is none.</summary>
    public async Task<EtcdValue?> Get(string key, CancellationToken cancellation)
    {
        var answer = await Read(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation);
        return answer.Kvs is [var found] ? new EtcdValue(found) : null;
    }

    /// <summary>All keys with a prefix, in their order, as of one moment.</summary>
    /// <param name="revision">Of that moment; 0: now.</param>
    /// <param name="keysOnly">Without their values.</param>
    /// <returns>The revision that they are of, and they.</returns>
    public async Task<(long Revision, List<EtcdValue> Values)> List(string prefix, long revision, CancellationToken cancellation, bool keysOnly = false)
    {
        var values = new List<EtcdValue>();
        var (from, end) = (ByteString.CopyFromUtf8(prefix), EndOf(prefix));
        while (true)
        {
            var answer = await Read(new RangeRequest { Key = from, RangeEnd = end, Limit = PageKeys, Revision = revision, KeysOnly = keysOnly }, cancellation);
            if (revision == 0) revision = answer.Header.Revision;
            values.AddRange(answer.Kvs.Select(found => new EtcdValue(found)));
            if (!answer.More) return (revision, values);
            from = ByteString.CopyFrom([.. answer.Kvs[^1].Key.Span, 0]);
        }
    }

    /// <summary>Changes something, if its conditions hold. Tried once.</summary>
    /// <exception cref="RpcException">It failed; if <see cref="IsTransient"/>, it may have happened, now or in a while.</exception>
    public Task<TxnResponse> Transact(TxnRequest request, CancellationToken cancellation) =>
        Once((channel, options) => new KV.KVClient(channel).TxnAsync(request, options).ResponseAsync, cancellation);

    /// <summary>
    /// The members have changed: the first one is used from now on. Called by one thread. A call that is under way at a member that is no more fails, and may have happened.
    /// </summary>
    public void UseEndpoints(IReadOnlyList<Uri> endpoints)
    {
        var before = Volatile.Read(ref _members);
        if (endpoints.Count == 0 || endpoints.SequenceEqual(before.Channels.Select(each => each.Endpoint))) return;
        var known = before.Channels.ToDictionary(each => each.Endpoint, each => each.Channel);
        var after = new Members([.. endpoints.Select(endpoint => (endpoint, known.Remove(endpoint, out var channel) ? channel : NewChannel(endpoint)))], Current: 0);
        // Calls that fail meanwhile change which member is the current one, and that is begun anew here.
        Interlocked.Exchange(ref _members, after);
        foreach (var gone in known.Values) gone.Dispose();
    }

    public void Dispose()
    {
        foreach (var (_, channel) in Volatile.Read(ref _members).Channels) channel.Dispose();
    }

    /// <summary>Above every key with the prefix.</summary>
    internal static ByteString EndOf(string prefix)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(prefix);
        bytes[^1]++; // prefixes end with a character of ASCII
        return ByteString.CopyFrom(bytes);
    }

    /// <summary>A call that changes nothing, tried again, at one member after the other, until one answers.</summary>
    internal async Task<T> Read<T>(Func<GrpcChannel, CallOptions, Task<T>> call, CancellationToken cancellation) => await _reads.ExecuteAsync(async token =>
    {
        try
        {
            return await Once(call, token);
        }
        catch (RpcException)
        {
            token.ThrowIfCancellationRequested();
            throw;
        }
    }, cancellation);

    /// <summary>A call, tried once at the member that is used now.</summary>
    /// <exception cref="RpcException">It failed; if <see cref="IsTransient"/>, it may have happened, now or in a while.</exception>
    internal async Task<T> Once<T>(Func<GrpcChannel, CallOptions, Task<T>> call, CancellationToken cancellation)
    {
        var channel = Channel;
        try
        {
            return await call(channel, new CallOptions(NeedsLeader, Deadline, cancellation));
        }
        catch (RpcException)
        {
            Leave(channel);
            throw;
        }
        catch (ObjectDisposedException exception)
        {
            // The member is no more, since a moment.
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message));
        }
    }

    /// <summary>A watch at the member that is used now; <paramref name="channel"/> is to be left if it fails.</summary>
    internal AsyncDuplexStreamingCall<WatchRequest, WatchResponse> Watch(out GrpcChannel channel, CancellationToken cancellation)
    {
        channel = Channel;
        return new Watch.WatchClient(channel).Watch(NeedsLeader, deadline: null, cancellation);
    }

    /// <summary>The next calls go to another member, if they would go to this one.</summary>
    internal void Leave(GrpcChannel channel)
    {
        var members = Volatile.Read(ref _members);
        if (members.Channels[members.Current].Channel == channel)
            Interlocked.CompareExchange(ref _members, members with { Current = (members.Current + 1) % members.Channels.Length }, members);
    }

    private Task<RangeResponse> Read(RangeRequest request, CancellationToken cancellation) =>
        Read((channel, options) => new KV.KVClient(channel).RangeAsync(request, options).ResponseAsync, cancellation);

    private GrpcChannel NewChannel(Uri endpoint)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromMilliseconds(_options.CallMs), PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan };
        if (_options.Certificate is { } certificate) handler.SslOptions.ClientCertificates = [certificate];
        if (_options.Authorities is { } authorities)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }
        return GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            // Pages and parts keep below a limit of their own; what etcd sends is to be read.
            MaxReceiveMessageSize = null,
        });
    }

    /// <param name="Current">The one that is used.</param>
    private sealed record Members((Uri Endpoint, GrpcChannel Channel)[] Channels, int Current);
}

/// <summary>A key as etcd has it.</summary>
/// <param name="Created">Revision at which it was made.</param>
/// <param name="Changed">Revision at which it was changed last.</param>
public sealed record EtcdValue(string Key, ReadOnlyMemory<byte> Value, long Created, long Changed)
{
    internal EtcdValue(Mvccpb.KeyValue found)
        : this(found.Key.ToStringUtf8(), found.Value.Memory, found.CreateRevision, found.ModRevision)
    {
    }
}
