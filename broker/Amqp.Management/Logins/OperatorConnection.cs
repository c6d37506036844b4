namespace Amqp.Management.Logins;

/// <summary>Set as a feature of connections whose clients need no login and may do everything: those of the control socket, which only the user who runs the broker can open.</summary>
public sealed class OperatorConnection;
