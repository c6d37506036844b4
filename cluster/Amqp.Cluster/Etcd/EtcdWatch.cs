using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Mvccpb;

namespace Amqp.Cluster.Etcd;

/// <summary>
/// What happens to the keys of a prefix from a revision on: each change once, in order, over any number of members and connections. A member that is asked
/// every second how far it is, and says nothing, is left for another one.
/// </summary>
/// <param name="prefix">Of the keys.</param>
/// <param name="from">The first revision that is of interest.</param>
/// <param name="changed">Called with each key that was put, one after the other.</param>
/// <param name="removed">Called with each key that was deleted, or went with its lease.</param>
internal sealed partial class EtcdWatch(EtcdClient client, string prefix, long from, Action<EtcdValue> changed, ILogger logger, Action<string>? removed = null)
{
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseBetweenTries = TimeSpan.FromMilliseconds(200);

    private long _next = from;
    private bool _isLost;

    /// <summary>Watches until that is cancelled.</summary>
    /// <exception cref="EtcdCompactedException">What comes next is gone: this node was away for longer than etcd keeps history.</exception>
    public async Task Run(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            GrpcChannel? channel = null;
            try
            {
                using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                using var call = client.Watch(out channel, silence.Token);
                await Follow(call, silence);
            }
            // What is written to a connection that ends at that moment fails as the connection does, and not as a call.
            catch (Exception exception) when (exception is RpcException or IOException or OperationCanceledException or ObjectDisposedException)
            {
                if (cancellation.IsCancellationRequested) return;
                if (!_isLost) LogLost(logger, prefix, exception is RpcException { Status.Detail: { Length: > 0 } detail } ? detail : exception.Message);
                _isLost = true;
            }
            if (channel is not null) client.Leave(channel);
            await Task.Delay(PauseBetweenTries, client.Time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Follow(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call, CancellationTokenSource silence)
    {
        silence.CancelAfter(client.Options.WatchSilenceMs);
        var create = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(prefix), RangeEnd = EtcdClient.EndOf(prefix), StartRevision = _next };
        try
        {
            await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, silence.Token);
        }
        catch (InvalidOperationException exception)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, exception.Message, exception)); // the call has ended already
        }
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(silence.Token);
        var asking = AskForProgress(call, ended.Token);
        try
        {
            while (await call.ResponseStream.MoveNext(silence.Token))
            {
                silence.CancelAfter(client.Options.WatchSilenceMs);
                var answer = call.ResponseStream.Current;
                if (answer.CompactRevision > 0) throw new EtcdCompactedException(_next, answer.CompactRevision);
                if (answer.Canceled) throw new RpcException(new Status(StatusCode.Unavailable, answer.CancelReason));
                if (_isLost) LogFound(logger, prefix);
                _isLost = false;
                Take(answer);
            }
        }
        finally
        {
            await ended.CancelAsync();
            await asking;
        }
    }

    private void Take(WatchResponse answer)
    {
        var first = _next;
        foreach (var each in answer.Events)
        {
            if (each.Kv.ModRevision < first) continue; // told before, over another connection
            if (each.Type == Event.Types.EventType.Put) changed(new EtcdValue(each.Kv));
            else removed?.Invoke(each.Kv.Key.ToStringUtf8());
            _next = each.Kv.ModRevision + 1;
        }
    }

    private async Task AskForProgress(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(AskEvery, client.Time, cancellation);
                await call.RequestStream.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, cancellation);
            }
        }
        catch (Exception exception) when (exception is RpcException or IOException or OperationCanceledException or InvalidOperationException)
        {
            // The reader of the answers finds the same.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "etcd does not tell what changes under {Prefix} any more ({Reason}); going on at another member")]
    private static partial void LogLost(ILogger logger, string prefix, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "etcd tells again what changes under {Prefix}")]
    private static partial void LogFound(ILogger logger, string prefix);
}

/// <summary>Etcd does not know any more what happened from a revision on.</summary>
public sealed class EtcdCompactedException(long wanted, long kept)
    : Exception($"etcd keeps what happened from revision {kept} on, and revision {wanted} is needed");
