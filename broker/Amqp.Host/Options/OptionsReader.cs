using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using Amqp.Broker.Security;
using Amqp.Core;
using Amqp.Storage.Lite;
using Amqp.Storage.Segments;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.Json;

namespace Amqp.Host.Options;

/// <summary>The configuration cannot be used; the message says which option, why, and what is allowed.</summary>
public sealed class OptionsException(string message) : Exception(message);

/// <summary>
/// Turns the configuration into <see cref="BrokerOptions"/>, or says what is wrong with it: a typing error in an option's
/// name must not leave its default in force unnoticed.
/// </summary>
public static class OptionsReader
{
    /// <summary>A message is one array in memory, and half of the largest array is left for what travels with it.</summary>
    private const int MessageBytesMax = 536_870_912;

    /// <summary>Sections that belong to the framework.</summary>
    private static readonly string[] ForeignSections = ["Logging"];

    /// <exception cref="OptionsException">An option is unknown or its value impossible.</exception>
    public static BrokerOptions Read(IConfigurationRoot configuration)
    {
        RefuseUnknownSections(configuration);
        foreach (var property in typeof(BrokerOptions).GetProperties())
            RefuseUnknownOptions(configuration.GetSection(property.Name), property.PropertyType);
        BrokerOptions options;
        try
        {
            options = configuration.Get<BrokerOptions>() ?? new BrokerOptions();
        }
        catch (InvalidOperationException exception)
        {
            throw new OptionsException($"{exception.Message} {exception.InnerException?.Message}".TrimEnd());
        }
        Validate(options);
        return options;
    }

    /// <summary>At the top only files and the command line are judged: the environment holds much that is not ours.</summary>
    private static void RefuseUnknownSections(IConfigurationRoot configuration)
    {
        var known = typeof(BrokerOptions).GetProperties().Select(property => property.Name).Concat(ForeignSections).ToArray();
        foreach (var provider in configuration.Providers)
        {
            if (provider is not (JsonConfigurationProvider or CommandLineConfigurationProvider)) continue;
            foreach (var key in provider.GetChildKeys([], parentPath: null))
                if (!known.Contains(key, StringComparer.OrdinalIgnoreCase)) throw Unknown(key, known);
        }
    }

    private static void RefuseUnknownOptions(IConfigurationSection section, Type type)
    {
        var known = type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite).ToArray();
        foreach (var child in section.GetChildren())
        {
            var property = Array.Find(known, property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase))
                ?? throw Unknown(child.Path, Array.ConvertAll(known, property => $"{section.Path}:{property.Name}"));
            if (property.PropertyType.GetElementType() is { } element)
            {
                foreach (var item in child.GetChildren()) RefuseUnknownOptions(item, element);
            }
            else if (property.PropertyType.IsEnum) RequireWord(child, Enum.GetNames(property.PropertyType));
            else if (property.PropertyType.Namespace == type.Namespace) RefuseUnknownOptions(child, property.PropertyType);
        }
    }

    private static void Validate(BrokerOptions options)
    {
        var at = options.Node.Name.IndexOf('@', StringComparison.Ordinal);
        Require(at > 0 && at < options.Node.Name.Length - 1, "Node:Name", options.Node.Name, "a name and a host, such as rabbit@myhost");
        ValidateListener("Listeners:Amqp", options.Listeners.Amqp);
        ValidateListener("Listeners:Amqps", options.Listeners.Amqps);
        var amqps = options.Listeners.Amqps;
        RequireRange("Listeners:Amqps:HandshakeMs", amqps.HandshakeMs, 100, 3_600_000);
        Require(Array.TrueForAll(amqps.Certificates, certificate => certificate.File.Length > 0), "Listeners:Amqps:Certificates:File", "", "the path of a file");
        Require(
            !amqps.RequireClientCertificate || amqps.ClientCaFile.Length > 0,
            "Listeners:Amqps:ClientCaFile",
            "",
            "set where RequireClientCertificate is");
        Require(options.Storage.Directory.Length > 0, "Storage:Directory", options.Storage.Directory, "a path");
        Require(
            options.Storage.Engine == EngineChoice.Auto || StoreEngines.Names.Contains(options.Storage.Engine),
            "Storage:Engine",
            options.Storage.Engine,
            $"{EngineChoice.Auto}, {string.Join(" or ", StoreEngines.Names)}");
        RequireName("Security:DefaultUser", options.Security.DefaultUser);
        RequireName("Security:DefaultVhost", options.Security.DefaultVhost);
        Require(options.Security.DefaultPassword.Length > 0, "Security:DefaultPassword", "", "not to be empty");
        var mechanisms = options.Security.Logins.Mechanisms;
        Require(
            mechanisms.Count > 0 && mechanisms.IsSubsetOf(LoginRules.Known),
            "Security:Mechanisms",
            options.Security.Mechanisms,
            $"one or more of {string.Join(", ", LoginRules.Known)}, with commas between them");
        ValidateLimits(options.Limits);
    }

    private static void ValidateListener(string path, ListenerOptions listener)
    {
        Require(
            listener.IsLocalhost || IsAddress(listener.Address),
            $"{path}:Address",
            listener.Address,
            "localhost or an IP address, such as 0.0.0.0");
        RequireRange($"{path}:Port", listener.Port, 0, 65_535);
    }

    /// <summary>To the runtime <c>127.1</c> is an address too, and it passes over the port in <c>[::1]:5672</c>.</summary>
    private static bool IsAddress(string text) => IPAddress.TryParse(text, out var address)
        && (address.AddressFamily == AddressFamily.InterNetwork ? address.ToString() == text : !text.StartsWith('['));

    private static void ValidateLimits(Limits limits)
    {
        RequireRange("Limits:Connections", limits.Connections, 0, int.MaxValue);
        RequireRange("Limits:ConnectionsNotLoggedIn", limits.ConnectionsNotLoggedIn, 1, int.MaxValue);
        RequireRange("Limits:ChannelsPerConnection", limits.ChannelsPerConnection, 1, ushort.MaxValue);
        RequireRange("Limits:FrameBytes", limits.FrameBytes, Limits.FrameBytesMin, 16_777_216);
        RequireRange("Limits:MessageBytes", limits.MessageBytes, 0, MessageBytesMax);
        RequireRange("Limits:FailedLoginsPerMinute", limits.FailedLoginsPerMinute, 1, 1_000_000);
        RequireRange("Limits:HandshakeMs", limits.HandshakeMs, 100, 3_600_000);
        RequireRange("Limits:CloseMs", limits.CloseMs, 100, 3_600_000);
        RequireRange("Limits:SendMs", limits.SendMs, 100, 3_600_000);
        RequireRange("Limits:ConsumerWindowBytes", limits.ConsumerWindowBytes, 4_096, int.MaxValue / 2);
        RequireRange("Limits:ChannelBacklogBytes", limits.ChannelBacklogBytes, 4_096, int.MaxValue / 2);
        RequireRange("Limits:UnreadAnswerBytes", limits.UnreadAnswerBytes, 4_096, int.MaxValue / 2);
        RequireRange("Limits:RoutesPerConnection", limits.RoutesPerConnection, 1, 1_000_000);
        RequireRange("Limits:PublishWindowBytes", limits.PublishWindowBytes, 65_536, int.MaxValue / 2);
        RequireRange("Limits:TransactionBytes", limits.TransactionBytes, 65_536, int.MaxValue / 4);
        RequireRange("Limits:MemoryBytes", limits.MemoryBytes, 0, long.MaxValue);
        RequireRange("Limits:PageOutBytes", limits.PageOutBytes, 0, limits.MemoryBytes > 0 ? limits.MemoryBytes : long.MaxValue);
        RequireRange("Limits:DiskFreeBytes", limits.DiskFreeBytes, 0, long.MaxValue);
        Require(
            limits.DiskFreeOfMemory is >= 0 and <= 1_000,
            "Limits:DiskFreeOfMemory",
            limits.DiskFreeOfMemory.ToString(System.Globalization.CultureInfo.InvariantCulture),
            "a number from 0 to 1000");
    }

    /// <summary>The framework would take numbers too, and several words with commas.</summary>
    private static void RequireWord(IConfigurationSection option, string[] words) => Require(
        words.Contains(option.Value, StringComparer.OrdinalIgnoreCase), option.Path, option.Value ?? "", string.Join(" or ", words));

    private static void RequireName(string option, string name) => Require(
        name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= Limits.NameBytes, option, name, $"a name of at most {Limits.NameBytes} bytes");

    private static void RequireRange(string option, long value, long minimum, long maximum) =>
        Require(value >= minimum && value <= maximum, option, $"{value}", $"a number from {minimum} to {maximum}");

    private static void Require(bool holds, string option, string value, string allowed)
    {
        if (!holds) throw new OptionsException($"Option '{option}' is '{value}', which is not possible: it has to be {allowed}.");
    }

    private static OptionsException Unknown(string option, string[] known) =>
        new($"Option '{option}' is not known. Known here: {string.Join(", ", known)}.");
}
