using System.Buffers;
using System.Net.Sockets;
using Amqp.Perf;
using AMQP.Net;

namespace Amqp.Bench;

/// <summary>
/// One connection of what <c>amqpperf</c> takes for a broker. It answers what has to be answered, swallows what is published without
/// looking at it, and pours deliveries, encoded long before, on each consumer.
/// </summary>
internal sealed class Peer(Socket socket, byte[] deliveries)
{
    private readonly FrameReader _frames = new(Traffic.FrameMax);
    private readonly byte[] _input = new byte[4 * Traffic.WriteBytes];
    private int _filled;

    /// <summary>For the companion: serves all that come.</summary>
    public static void Listen(int bodyBytes)
    {
        var deliveries = Traffic.Deliveries(bodyBytes).Frames;
        using var listener = Companion.Listen();
        while (true)
        {
            var socket = listener.Accept();
            socket.NoDelay = true;
            new Thread(new Peer(socket, deliveries).Serve) { IsBackground = true }.Start();
        }
    }

    private void Serve()
    {
        using (socket)
        {
            Receive(); // the protocol header, which clients send nothing behind before it is answered
            _filled = 0;
            Send(0, new ConnectionStart(0, 9, FieldTable.Empty, "PLAIN", "en_US"));
            while (Receive() && HandleInput()) { }
        }
    }

    private bool Receive()
    {
        var count = socket.Receive(_input.AsSpan(_filled));
        _filled += count;
        return count > 0;
    }

    /// <returns>False when the client has said goodbye.</returns>
    private bool HandleInput()
    {
        var fed = new ReadOnlySequence<byte>(_input, 0, _filled);
        _frames.Feed(fed);
        while (_frames.TryRead(out var frame))
        {
            if (frame.MethodId is not (MethodId.BasicPublish or MethodId.ConnectionClose))
            {
                Answer(frame);
                continue;
            }
            if (frame.MethodId == MethodId.BasicPublish) Swallow();
            Send(0, default(ConnectionCloseOk));
            return false;
        }
        var consumed = (int)fed.Slice(0, _frames.Consumed).Length;
        _filled -= consumed;
        Buffer.BlockCopy(_input, consumed, _input, 0, _filled);
        return true;
    }

    private void Answer(in Frame frame)
    {
        switch (frame.MethodId)
        {
            case MethodId.ConnectionStartOk: Send(0, new ConnectionTune(ChannelMax: 1, Traffic.FrameMax, Heartbeat: 0)); break;
            case MethodId.ConnectionOpen: Send(0, default(ConnectionOpenOk)); break;
            case MethodId.ChannelOpen: Send(default(ChannelOpenOk)); break;
            case MethodId.QueueDeclare: Send(new QueueDeclareOk(MethodReader.Read<QueueDeclare>(frame).Queue, 0, 0)); break;
            case MethodId.QueueDelete: Send(default(QueueDeleteOk)); break;
            case MethodId.BasicCancel: Send(new BasicCancelOk(MethodReader.Read<BasicCancel>(frame).ConsumerTag)); break;
            case MethodId.BasicConsume:
                Send(new BasicConsumeOk(MethodReader.Read<BasicConsume>(frame).ConsumerTag));
                // Until the client has something to say, which is basic.cancel.
                while (socket.Available == 0) socket.SendAll(deliveries);
                break;
            case MethodId.ConnectionTuneOk: break;
            default: throw frame.Unexpected();
        }
    }

    /// <summary>Receives and forgets, up to the last that a client sends. No body of a load ends like that.</summary>
    private void Swallow()
    {
        var goodbye = new SendBuffer(256);
        FrameWriter.WriteMethod(goodbye, channel: 0, PerfConnection.Goodbye);
        while (!_input.AsSpan(0, _filled).EndsWith(goodbye.Written))
        {
            var kept = Math.Min(_filled, goodbye.Length);
            Buffer.BlockCopy(_input, _filled - kept, _input, 0, kept);
            _filled = kept;
            if (!Receive()) return;
        }
    }

    private void Send<TMethod>(in TMethod method)
        where TMethod : struct, IMethod<TMethod> => Send(PerfConnection.Channel, method);

    private void Send<TMethod>(ushort channel, in TMethod method)
        where TMethod : struct, IMethod<TMethod>
    {
        var frame = new SendBuffer(256);
        FrameWriter.WriteMethod(frame, channel, method);
        socket.SendAll(frame.Written);
    }
}
