using Amqp.Broker.Connections;

namespace Amqp.Broker.Loops;

/// <summary>
/// One turn of a connection's read loop: what it has for others to send is sent by the same thread at the turn's end. So a lone
/// message crosses no thread between the socket it came from and the one it leaves by, and a publisher does not run ahead of
/// what its consumers are sent.
/// </summary>
internal sealed class Turn
{
    /// <summary>Outputs that are run on this thread; beyond these there is work enough for others.</summary>
    private const int OutputsMax = 4;

    [ThreadStatic]
    private static Turn? _ofThisThread;

    private readonly ConnectionOutput[] _outputs = new ConnectionOutput[OutputsMax];
    private int _count;
    private bool _isRunning;

    public static Turn Begin()
    {
        var turn = _ofThisThread ??= new Turn();
        turn._isRunning = true;
        return turn;
    }

    /// <summary>True: the output is run by this thread, at the end of the turn it is in.</summary>
    public static bool TryTake(ConnectionOutput output)
    {
        if (_ofThisThread is not { _isRunning: true, _count: < OutputsMax } turn) return false;
        turn._outputs[turn._count++] = output;
        return true;
    }

    public void End()
    {
        _isRunning = false;
        for (var next = 0; next < _count; next++)
        {
            _outputs[next].RunOnce();
            _outputs[next] = null!;
        }
        _count = 0;
    }
}
