namespace Amqp.Core.Ports;

/// <summary>Who may log in.</summary>
public interface IAuthenticator
{
    /// <summary>Judges a user's name and password. Does not block on anything outside the process.</summary>
    /// <param name="fromLoopback">The client's address is of this host: users restricted to it are let in only then.</param>
    /// <returns>Null to let the user in, or the reason of the refusal, for the log. The client learns no reason.</returns>
    string? Refuse(string user, string password, bool fromLoopback);
}
