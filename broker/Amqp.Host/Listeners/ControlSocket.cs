using System.Net;
using System.Net.Sockets;
using Amqp.Host.Options;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Amqp.Host.Listeners;

/// <summary>
/// The Unix domain socket on which operators of this host reach the management API, without a login: who can open the file may
/// everything, so only the user who runs the broker can.
/// </summary>
internal static class ControlSocket
{
    public const string FileName = "control.sock";

    /// <summary>What a socket's address has room for, less the zero at its end.</summary>
    private const int PathBytesMax = 107;

    /// <summary>Where it is: the shorter one of the full path and the one from the working directory.</summary>
    /// <exception cref="OptionsException">Both are too long for a socket.</exception>
    public static string PathOf(BrokerOptions options)
    {
        var full = Path.GetFullPath(options.Control.Socket.Length > 0 ? options.Control.Socket : Path.Combine(options.Storage.Directory, FileName));
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), full);
        var path = relative.Length < full.Length ? relative : full;
        return System.Text.Encoding.UTF8.GetByteCount(path) <= PathBytesMax
            ? path
            : throw new OptionsException(
                $"The control socket cannot be '{full}': a path of at most {PathBytesMax} bytes is possible. Choose another with Control:Socket, such as /run/amqpd/{FileName}.");
    }

    /// <summary>Lets the application listen there.</summary>
    public static void Use(WebApplicationBuilder builder, string path)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(new UnixDomainSocketEndPoint(path), listener => listener.Use(next => connection =>
        {
            connection.Features.Set(new OperatorConnection());
            return next(connection);
        })));
    }

    public static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next start will say what is wrong with it.
        }
    }

    private static bool IsAnswered(EndPoint endPoint)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(endPoint);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <exception cref="IOException">Another broker answers there.</exception>
    public static Socket Bind(EndPoint endPoint, string path)
    {
        if (IsAnswered(endPoint)) throw new IOException("another broker answers there");
        Delete(path); // one of a broker that was killed
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(endPoint);
        // No client can connect before the caller listens.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return socket;
    }
}
