using System.Globalization;
using System.Net.Sockets;
using Amqp.Core;

namespace Amqp.Host.RabbitConfig;

/// <summary>What RabbitMQ's configuration says of one of our listeners. Where it says nothing of an address it means all of them.</summary>
/// <param name="section">Of our options.</param>
internal sealed class ConfigListener(string section)
{
    private readonly List<string> _addresses = [];
    private readonly Dictionary<string, string> _tls = [];
    private bool _isOnAll;
    private int? _port;
    private int? _otherPort;

    /// <summary>There is to be none.</summary>
    public bool IsOff { private get; set; }

    /// <summary>It is to speak TLS.</summary>
    public bool IsTls { private get; set; }

    private bool IsAmqps => section == "Listeners:Amqps";

    /// <summary>An address and a port, or a port on all addresses.</summary>
    /// <returns>Why it is not taken; null: it is.</returns>
    public string? Add(string value)
    {
        if (ConfigValues.EndPoint(value) is not var (address, port)) return $"'{value}' is neither a port nor an IP address and a port; it changes nothing";
        if (_port is { } other && other != port) return $"there is one port, {other}, and {port} is not listened on";
        _port = port;
        if (address is null) _isOnAll = true;
        else _addresses.Add(address);
        return null;
    }

    /// <inheritdoc cref="Add"/>
    public string? Port(string value) => TryPort(value, ref _port);

    /// <inheritdoc cref="Add"/>
    public string? TlsPort(string value)
    {
        IsTls = true;
        return TryPort(value, ref _otherPort);
    }

    /// <inheritdoc cref="Add"/>
    public string? Address(string value)
    {
        if (ConfigValues.Address(value) is not { } address) return $"'{value}' is no IP address; it changes nothing";
        _addresses.Add(address);
        return null;
    }

    /// <summary>An option of TLS.</summary>
    /// <returns>False: it is none that can be taken.</returns>
    public bool TryTls(string option, string value)
    {
        if (option is not ("certfile" or "keyfile" or "password" or "cacertfile" or "verify" or "fail_if_no_peer_cert")) return false;
        _tls[option] = value;
        return true;
    }

    /// <summary>Adds what was said, if it makes a listener.</summary>
    /// <param name="listensOnAll">Where no address is given.</param>
    public void AddTo(IDictionary<string, string?> options, bool listensOnAll, ConfigNotes notes)
    {
        if (IsOff)
        {
            if (!IsAmqps) options[$"{section}:Enabled"] = "false";
            return;
        }
        // There is no port for TLS unless one is configured.
        if (IsAmqps && _port is null)
        {
            if (_tls.Count > 0) notes.Tell("ssl_options without listeners.ssl: no port speaks TLS");
            return;
        }
        var port = IsTls ? _otherPort ?? _port : _port;
        if (IsTls && _port is not null && _otherPort is not null) notes.Warn($"{section}: the port {_otherPort} speaks HTTPS, and there is no second one, so {_port} is not listened on");
        if (port is not null) options[$"{section}:Port"] = port.Value.ToString(CultureInfo.InvariantCulture);
        if (_isOnAll || (_addresses.Count == 0 && listensOnAll)) options[$"{section}:Address"] = Socket.OSSupportsIPv6 ? "::" : "0.0.0.0";
        else if (_addresses.Count > 0) options[$"{section}:Address"] = string.Join(',', _addresses.Distinct());
        if (IsAmqps || IsTls) AddTls(options, notes);
    }

    private void AddTls(IDictionary<string, string?> options, ConfigNotes notes)
    {
        var certificates = IsAmqps ? $"{section}:Certificates:0" : $"{section}:Tls:Certificates:0";
        if (!_tls.TryGetValue("certfile", out var file))
        {
            notes.Warn($"{section}: there is no certificate (certfile), so no port speaks TLS");
            if (!IsAmqps) options[$"{section}:Enabled"] = "false";
            return;
        }
        options[$"{certificates}:File"] = file;
        if (_tls.TryGetValue("keyfile", out var key)) options[$"{certificates}:KeyFile"] = key;
        if (_tls.TryGetValue("password", out var password)) options[$"{certificates}:Password"] = password;
        var asks = _tls.GetValueOrDefault("verify") == "verify_peer";
        var requires = asks && _tls.GetValueOrDefault("fail_if_no_peer_cert") == "true";
        if (!asks) return;
        if (!IsAmqps) notes.Warn($"{section}: verify_peer: clients are not asked for certificates here; they log in with a password");
        else if (!_tls.TryGetValue("cacertfile", out var authorities)) notes.Warn($"{section}: verify_peer without cacertfile: clients are not asked for certificates");
        else
        {
            options[$"{section}:ClientCaFile"] = authorities;
            if (requires) options[$"{section}:RequireClientCertificate"] = "true";
        }
    }

    private static string? TryPort(string value, ref int? port)
    {
        if (!DecimalDigits.TryParse(value, out var number) || number > ushort.MaxValue) return $"'{value}' is no port; it changes nothing";
        port = (int)number;
        return null;
    }
}
