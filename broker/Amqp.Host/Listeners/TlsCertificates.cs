using System.Collections.Immutable;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Amqp.Host.Options;
using Amqp.Management;
using Microsoft.Extensions.Logging;

namespace Amqp.Host.Listeners;

/// <summary>
/// The certificates of a TLS listener. Their files are looked at again when a client connects, at most once a second: who
/// renews a certificate puts new files there and restarts nothing. Connections that are open keep what they have.
/// </summary>
internal sealed partial class TlsCertificates
{
    private const int LookEveryMs = 1_000;

    private readonly TlsListenerOptions _options;
    private readonly ILogger _logger;
    private readonly string[] _files;
    private readonly TimeProvider _time;
    private Loaded _loaded;
    private long _lookedAt;

    /// <exception cref="OptionsException">A file cannot be used.</exception>
    public TlsCertificates(TlsListenerOptions options, TimeProvider time, ILogger<TlsCertificates> logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _files = [.. options.Certificates.SelectMany(certificate => (string[])[certificate.File, certificate.KeyFile]).Append(options.ClientCaFile).Where(file => file.Length > 0)];
        _loaded = Load();
        _lookedAt = time.GetTimestamp();
    }

    /// <summary>Those in use, as operators see them.</summary>
    public ImmutableArray<CertificateInfo> Describe()
    {
        LookAgain();
        var loaded = Volatile.Read(ref _loaded);
        return
        [
            .. loaded.Contexts.Zip(_options.Certificates, (context, options) => new CertificateInfo(options.File, new DateTimeOffset(context.TargetCertificate.NotAfter), IsAuthority: false)),
            .. (loaded.ClientCa ?? []).Select(authority => new CertificateInfo(_options.ClientCaFile, new DateTimeOffset(authority.NotAfter), IsAuthority: true)),
        ];
    }

    /// <summary>What to say to a client that wants to talk to that name; one that names none, or an unknown one, gets the first certificate.</summary>
    public SslServerAuthenticationOptions For(string? serverName)
    {
        LookAgain();
        var loaded = Volatile.Read(ref _loaded);
        var index = string.IsNullOrEmpty(serverName) ? 0 : Math.Max(0, Array.FindIndex(loaded.Contexts, context => Matches(context.TargetCertificate, serverName)));
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = loaded.Contexts[index],
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ClientCertificateRequired = loaded.ClientCa is not null,
            CertificateChainPolicy = loaded.ClientCa is { } trusted ? PolicyOf(trusted) : null,
            RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                certificate is null ? !_options.RequireClientCertificate : errors == SslPolicyErrors.None,
        };
    }

    private static bool Matches(X509Certificate2 certificate, string serverName)
    {
        try
        {
            return certificate.MatchesHostname(serverName);
        }
        catch (ArgumentException)
        {
            return false; // what the client sent is no name of a host
        }
    }

    private static X509ChainPolicy PolicyOf(X509Certificate2Collection trusted)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(trusted);
        policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2")); // client authentication
        return policy;
    }

    private void LookAgain()
    {
        var before = Volatile.Read(ref _lookedAt);
        if (_time.GetElapsedTime(before).TotalMilliseconds < LookEveryMs) return;
        if (Interlocked.CompareExchange(ref _lookedAt, _time.GetTimestamp(), before) != before) return;
        if (Stamps() == _loaded.Stamps) return;
        try
        {
            Volatile.Write(ref _loaded, Load());
            LogReloaded();
        }
        catch (OptionsException exception)
        {
            LogNotReloaded(exception.Message);
        }
    }

    private Loaded Load()
    {
        var stamps = Stamps();
        return new Loaded(stamps, [.. _options.Certificates.Select(ContextOf)], LoadClientCa());
    }

    private string Stamps() => string.Join(' ', _files.Select(file => $"{File.GetLastWriteTimeUtc(file).Ticks}"));

    private X509Certificate2Collection? LoadClientCa()
    {
        if (_options.ClientCaFile.Length == 0) return null;
        return Read(_options.ClientCaFile, () =>
        {
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(_options.ClientCaFile);
            return trusted.Count > 0 ? trusted : throw new CryptographicException("there is no certificate in it");
        });
    }

    private static SslStreamCertificateContext ContextOf(CertificateOptions options) => Read(options.File, () =>
    {
        var chain = new X509Certificate2Collection();
        X509Certificate2 certificate;
        if (options.KeyFile.Length == 0)
        {
            chain = X509CertificateLoader.LoadPkcs12CollectionFromFile(options.File, options.Password);
            certificate = chain.FirstOrDefault(candidate => candidate.HasPrivateKey) ?? throw new CryptographicException("there is no private key in it");
        }
        else
        {
            certificate = options.Password.Length == 0
                ? X509Certificate2.CreateFromPemFile(options.File, options.KeyFile)
                : X509Certificate2.CreateFromEncryptedPemFile(options.File, options.Password, options.KeyFile);
            chain.ImportFromPemFile(options.File);
        }
        // What is behind it in the file is sent along; nothing is fetched from anywhere.
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    });

    private static T Read<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new OptionsException(
                $"The TLS certificate '{file}' cannot be used: {exception.Message} It has to be a PEM file, with its private key in KeyFile, or a PKCS#12 file without KeyFile.");
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "TLS certificates were loaded again: their files have changed")]
    private partial void LogReloaded();

    [LoggerMessage(Level = LogLevel.Error, Message = "TLS certificates have changed and cannot be loaded, the old ones stay in use: {Reason}")]
    private partial void LogNotReloaded(string reason);

    private sealed record Loaded(string Stamps, SslStreamCertificateContext[] Contexts, X509Certificate2Collection? ClientCa);
}
