using Amqp.Broker.Loops;
using Amqp.Core;
using Amqp.Core.Errors;
using Amqp.Core.Queues;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <content>The ends of a connection: asked for by the client, forced by an error or the broker, or simply gone.</content>
internal sealed partial class AmqpConnection
{
    /// <summary>How long a refused client that does not want to be told waits for nothing: guessing passwords is to be slow. RabbitMQ: 3 s.</summary>
    private const int SilentCloseMs = 3_000;

    private LoopTimer? _closeTimeout;

    /// <summary>
    /// Closes the connection with an error. Everything of its channels returns to the queues; the client's answer is awaited
    /// for <see cref="Limits.CloseMs"/>.
    /// </summary>
    public void CloseWith(BrokerError error, MethodId method, int channel)
    {
        if (_phase is ConnectionPhase.ClosedByClient or ConnectionPhase.Closing or ConnectionPhase.Ended) return;
        Log.ConnectionError(Name, channel, error.ReplyText, method == default ? "none" : method.Name());
        CloseChannels();
        _phase = ConnectionPhase.Closing;
        Send(new ConnectionClose(error.Code, error.ReplyText, method));
        EndAfter(Services.Limits.CloseMs);
    }

    /// <summary>Closes the connection because of bytes that break the protocol.</summary>
    /// <returns>False when it was closing already: then nothing more can be read.</returns>
    public bool CloseWith(ProtocolException exception, int channel)
    {
        if (_phase == ConnectionPhase.Closing)
        {
            End();
            return false;
        }
        CloseWith(new BrokerError(exception.Code, exception.Message), exception.Method, channel);
        return true;
    }

    /// <summary>The broker stops, or an operator wants this client to go. From any thread.</summary>
    public void PostClose(BrokerError error) => Loop.Post(() =>
    {
        if (_handshake.IsRunning) CloseWith(error, default, channel: 0);
        else End();
        // A client that was about to close gets no more time than one that is told to.
        if (_closeTimeout is null) EndAfter(Services.Limits.CloseMs);
    });

    /// <summary>A login failed: told to clients that ask for it, at once; to others only by the end of the socket, later.</summary>
    public void RefuseLogin(BrokerError error)
    {
        if (Client.WantsAuthenticationFailureClose)
        {
            CloseWith(error, default, channel: 0);
            return;
        }
        _phase = ConnectionPhase.Closing;
        EndAfter(SilentCloseMs);
    }

    /// <summary>A defect of the broker met this connection.</summary>
    public void Crash(Exception exception)
    {
        Log.Crashed(exception, Name);
        CloseWith(BrokerError.InternalError("the broker has logged what went wrong"), default, channel: 0);
        // The loop that could await the client's answer may be the one that failed.
        End();
    }

    /// <summary>Nothing can be sent any more. From any thread.</summary>
    private void OutputFailed(Exception exception) => Loop.Post(() =>
    {
        if (!IsOfSocket(exception)) Crash(exception);
        End();
        Transport.Abort();
    });

    public void HeartbeatsMissed(int seconds)
    {
        Log.MissedHeartbeats(Name, seconds);
        Transport.Abort();
    }

    /// <summary>The client takes nothing of what it is sent. From any thread.</summary>
    public void StoppedReading(int milliseconds)
    {
        Log.StoppedReading(Name, milliseconds);
        Transport.Abort();
        Loop.Post(End); // the loop may wait for the client to read
    }

    private void HandshakeTimedOut()
    {
        if (_handshake.IsRunning || _phase is ConnectionPhase.Closing or ConnectionPhase.Ended) return;
        Log.NeverOpened(Name, $"handshake_timeout in state {_handshake.StateName}");
        Transport.Abort();
    }

    /// <summary>At once, and not when it is due: thousands of clients that have just connected would wake the broker once more each.</summary>
    private void EndHandshakeTimeout()
    {
        _handshakeTimeout?.Dispose();
        _handshakeTimeout = null;
    }

    private async Task CloseByClient()
    {
        try
        {
            _phase = ConnectionPhase.Closing;
            CloseChannels();
            // A client that has seen close-ok may declare the same exclusive names on its next connection.
            foreach (var queue in ExclusiveQueues.TakeAll())
                await Ask<DeleteResult>(queue, reply => QueueOperation.Delete(DeleteConditions.None, reply));
            Send(default(ConnectionCloseOk));
            // The client ends the stream. Ended here, what it still sends would be answered with a reset, which can overtake close-ok.
            EndAfter(Services.Limits.CloseMs);
        }
#pragma warning disable CA1031 // Runs as mail, without a caller.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Crash(exception);
        }
    }

    private void HandleWhileClosing(in Frame frame)
    {
        if (frame.MethodId == MethodId.ConnectionCloseOk) End();
        else if (frame.MethodId == MethodId.ConnectionClose) Send(default(ConnectionCloseOk));
    }

    private void CloseChannels()
    {
        foreach (var channel in _channels.Values) channel.CloseForGood();
        _channels.Clear();
        _lastChannel = null;
        Uncount();
        Posts.Flush();
    }

    private void EndAfter(int milliseconds)
    {
        _closeTimeout ??= Services.Clock.CreateTimer(() =>
        {
            Transport.Abort();
            Loop.Post(End); // the loop may be waiting for something else than the socket
        });
        _closeTimeout.Set(milliseconds);
    }

    private void End()
    {
        if (_phase == ConnectionPhase.Ended) return;
        _phase = ConnectionPhase.Ended;
        Output.Post(OutboundItem.End);
        EndAfter(Services.Limits.CloseMs); // a client that does not read what is left
    }

    private async Task TearDown(string why)
    {
        EndHandshakeTimeout();
        _heartbeat?.Dispose();
        Services.Alarms.Forget(Loop);
        if (_handshake.IsRunning) Log.Closed(Name, Vhost, User, why);
        CloseChannels();
        ExclusiveQueues.End();
        if (_phase != ConnectionPhase.AwaitingHeader) Services.Events.Closed(this);
        Routes.End();
        End();
        try
        {
            await Transport.Pipe.Input.CompleteAsync();
            await Output.Completed;
        }
#pragma warning disable CA1031 // The socket is gone one way or another, and no client is left to tell.
        catch (Exception)
#pragma warning restore CA1031
        {
            Transport.Abort();
        }
        if (_measured is not null) Services.Metrics.Remove(_measured);
        _closeTimeout?.Dispose();
        _sendWatch.Dispose();
    }
}
