using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;
using AMQP.Net;

namespace Amqp.Ctl.Control;

/// <summary>There is no broker to talk to; the message says what was there instead.</summary>
internal sealed class UnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a broker says of itself before a client has logged in.</summary>
internal sealed record Greeting(FieldTable Properties, string Mechanisms)
{
    private const int FrameMax = 131_072; // bytes; RabbitMQ's own default, far more than any greeting takes

    /// <summary>Opens a connection, sends the protocol header and reads the answer, connection.start.</summary>
    /// <param name="address">Host name or IP address.</param>
    /// <param name="port">TCP port of the AMQP listener.</param>
    /// <param name="timeout">For all of it together.</param>
    /// <param name="cancel">Raises <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="UnavailableException">No answer, not in time, or not in AMQP 0-9-1.</exception>
    public static async Task<Greeting> Receive(string address, int port, TimeSpan timeout, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(timeout);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address, port, limit.Token);
            await using var stream = client.GetStream();
            await stream.WriteAsync(ProtocolHeader.Bytes.ToArray(), limit.Token);
            return await Read(PipeReader.Create(stream), limit.Token);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new UnavailableException(string.Create(CultureInfo.InvariantCulture, $"no answer within {timeout.TotalSeconds} s"), e);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new UnavailableException(e.Message, e);
        }
        catch (ProtocolException e)
        {
            throw new UnavailableException($"the answer is not AMQP: {e.Message}", e);
        }
    }

    private static async Task<Greeting> Read(PipeReader pipe, CancellationToken cancel)
    {
        var frames = new FrameReader(FrameMax);
        while (true)
        {
            var result = await pipe.ReadAsync(cancel);
            // A server that wants another version of the protocol answers with the header it would take.
            if (!result.Buffer.IsEmpty && result.Buffer.FirstSpan[0] == ProtocolHeader.Bytes[0])
                throw new UnavailableException("the server does not speak AMQP 0-9-1");
            if (TryParse(frames, result, out var greeting)) return greeting;
            if (result.IsCompleted) throw new UnavailableException("the server closed the connection without an answer; is this a TLS port?");
            pipe.AdvanceTo(frames.Consumed, result.Buffer.End);
        }
    }

    private static bool TryParse(FrameReader frames, ReadResult result, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Greeting? greeting)
    {
        greeting = null;
        frames.Feed(result.Buffer);
        if (!frames.TryRead(out var frame)) return false;
        if (frame.Type != FrameType.Method || frame.MethodId != MethodId.ConnectionStart)
            throw new UnavailableException("the server's first word is not connection.start");
        var start = MethodReader.Read<ConnectionStart>(frame);
        greeting = new Greeting(start.ServerProperties, start.Mechanisms);
        return true;
    }

    /// <summary>A text among the server properties, empty when it is missing.</summary>
    public string this[string property] => Properties.TryGet(property, out var value) ? value.ToString() : "";
}
