using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Core.Errors;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>
/// From the first method to an open connection (specification 2.2.4), in RabbitMQ's states:
/// <code>
/// start -> starting -- start-ok --> tuning -- tune-ok --> opening -- open --> running
///                        (login)              (limits)              (vhost)
/// </code>
/// </summary>
internal sealed class ConnectionHandshake(AmqpConnection connection)
{
    private HandshakeState _state = HandshakeState.Starting;

    private enum HandshakeState
    {
        Starting,
        Tuning,
        Opening,
        Running,
    }

    public bool IsRunning => _state == HandshakeState.Running;

    /// <summary>RabbitMQ's name of the state, for its error texts.</summary>
    public string StateName => _state switch
    {
        HandshakeState.Starting => "starting",
        HandshakeState.Tuning => "tuning",
        HandshakeState.Opening => "opening",
        _ => "running",
    };

    public void Start() => connection.Send(new ConnectionStart(
        VersionMajor: 0, VersionMinor: 9, connection.Services.ServerProperties.Current, connection.Services.Logins.Offered(connection.Transport), Locales: "en_US"));

    /// <summary>Handles a method of the handshake. False: it is none, or not due now.</summary>
    public bool TryHandle(in Frame frame)
    {
        switch (_state, frame.MethodId)
        {
            case (HandshakeState.Starting, MethodId.ConnectionStartOk):
                LogIn(MethodReader.Read<ConnectionStartOk>(frame));
                return true;
            case (HandshakeState.Tuning, MethodId.ConnectionTuneOk):
                Tune(MethodReader.Read<ConnectionTuneOk>(frame));
                return true;
            case (HandshakeState.Opening, MethodId.ConnectionOpen):
                Open(MethodReader.Read<ConnectionOpen>(frame));
                return true;
            default:
                return false;
        }
    }

    private void LogIn(ConnectionStartOk startOk)
    {
        connection.Client = new ClientProperties(startOk.ClientProperties);
        if (connection.Transport.KnownUser is null && !connection.Services.Logins.Offers(startOk.Mechanism, connection.Transport))
            throw new BrokerException(BrokerError.UnknownAuthenticationMechanism(startOk.Mechanism));
        var reason = Refuse(startOk, out var user);
        if (connection.Transport.KnownUser is null) connection.Services.Metrics.Churn.AmqpLogins.Add(hasSucceeded: reason is null);
        if (reason is not null)
        {
            connection.Services.Events.LoginRefused(connection, user, startOk.Mechanism, reason);
            connection.Services.Log.LoginRefused(connection.Name, startOk.Mechanism, reason);
            connection.RefuseLogin(BrokerError.LoginRefused(startOk.Mechanism));
            return;
        }
        connection.User = user;
        connection.Mechanism = startOk.Mechanism;
        connection.Services.Events.LoggedIn(connection, startOk.Mechanism);
        connection.Transport.LoggedIn();
        _state = HandshakeState.Tuning;
        var limits = connection.Services.Limits;
        connection.Send(new ConnectionTune(limits.ChannelsPerConnection, (uint)limits.FrameBytes, limits.HeartbeatSeconds));
    }

    /// <returns>Null to let the user in, or the reason of the refusal.</returns>
    private string? Refuse(ConnectionStartOk startOk, out string user)
    {
        if (connection.Transport.KnownUser is { } known)
        {
            user = known;
            return null;
        }
        var authenticator = connection.Services.Authenticator;
        if (startOk.Mechanism == Sasl.External) return authenticator.RefuseExternal(connection.Transport, out user);
        if (Sasl.Read(startOk.Mechanism, startOk.Response) is not var (name, password))
            throw new BrokerException(BrokerError.MalformedAuthenticationResponse(startOk.Mechanism));
        user = name;
        return authenticator.Refuse(name, password, connection.Transport.RemoteAddress, connection.Transport.IsLoopback);
    }

    private void Tune(ConnectionTuneOk tuneOk)
    {
        var limits = connection.Services.Limits;
        var refused = Negotiate("frame_max", tuneOk.FrameMax, Limits.FrameBytesMin, limits.FrameBytes)
            ?? Negotiate("channel_max", tuneOk.ChannelMax, minimum: 1, limits.ChannelsPerConnection);
        if (refused is not null)
        {
            // RabbitMQ blames the proposal, not the answer.
            connection.CloseWith(refused, MethodId.ConnectionTune, channel: 0);
            return;
        }
        connection.SetLimits(tuneOk.ChannelMax, (int)tuneOk.FrameMax, tuneOk.Heartbeat);
        _state = HandshakeState.Opening;
    }

    /// <summary>0 asks for no limit at all, which is more than any limit allows.</summary>
    private static BrokerError? Negotiate(string field, uint value, int minimum, int maximum)
    {
        if (value != 0 && value < minimum) return BrokerError.NegotiatedTooLow(field, value, minimum);
        return value == 0 || value > maximum ? BrokerError.NegotiatedTooHigh(field, value, maximum) : null;
    }

    private void Open(ConnectionOpen open)
    {
        connection.Enter(open.VirtualHost);
        _state = HandshakeState.Running;
        connection.Send(default(ConnectionOpenOk));
        connection.Opened();
    }
}
