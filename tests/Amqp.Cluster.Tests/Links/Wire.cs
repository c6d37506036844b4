using System.Net;
using System.Net.Sockets;

namespace Amqp.Cluster.Tests.Links;

/// <summary>A wire to a server: what goes through it can be held up.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _to;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _accepting;
    private readonly List<Task> _pumps = [];
    private readonly System.Collections.Concurrent.ConcurrentQueue<TcpClient> _open = new();
    private TaskCompletionSource _isOpen = new();

    public Wire(IPEndPoint to)
    {
        _to = to;
        _isOpen.SetResult();
        _listener.Start();
        _accepting = Accept();
    }

    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Nothing goes through any more, and nothing is closed.</summary>
    public void Hold() => _isOpen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _isOpen.TrySetResult();

    /// <summary>Every connection through it is closed; new ones are not.</summary>
    public void Cut()
    {
        while (_open.TryDequeue(out var client)) client.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        if (_ended.IsCancellationRequested) return;
        await _ended.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_pumps).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptTcpClientAsync(_ended.Token);
                var far = new TcpClient();
                await far.ConnectAsync(_to, _ended.Token);
                _open.Enqueue(near);
                _open.Enqueue(far);
                _pumps.Add(Pump(near, far));
                _pumps.Add(Pump(far, near));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It is over.
        }
    }

    private async Task Pump(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 << 10];
        try
        {
            while (true)
            {
                await _isOpen.Task.WaitAsync(_ended.Token);
                var read = await from.GetStream().ReadAsync(buffer, _ended.Token);
                if (read == 0) break;
                await _isOpen.Task.WaitAsync(_ended.Token);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _ended.Token);
            }
        }
        finally
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
