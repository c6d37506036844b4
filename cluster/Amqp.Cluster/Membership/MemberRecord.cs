using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Amqp.Cluster.Membership;

/// <summary>A member as the cluster knows it, whether it runs or not: <c>members/&lt;name&gt;</c> in etcd. It is JSON, so that later versions may say more.</summary>
/// <param name="Address">Where other nodes reach it.</param>
/// <param name="Port">Of its links.</param>
/// <param name="Directory">Of its data: another one has not what this one had.</param>
/// <param name="IsVoter">It runs a member of etcd.</param>
/// <param name="Version">Of its broker, when it started last.</param>
/// <param name="StoppedEpoch">Of its last start that was stopped in order; 0: none was. Others have failed, or run.</param>
internal sealed record MemberRecord(string Name, string Address, int Port, Guid Directory, bool IsVoter, string Version, uint StoppedEpoch = 0)
{
    [JsonIgnore]
    public IPEndPoint Links => new(IPAddress.Parse(Address), Port);

    /// <summary>Of its member of etcd, for clients.</summary>
    [JsonIgnore]
    public Uri EtcdEndpoint => new($"https://{new IPEndPoint(IPAddress.Parse(Address), Port + 2)}");

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    /// <summary>Null: it is none.</summary>
    public static MemberRecord? Read(ReadOnlySpan<byte> json) => JsonOf.Read<MemberRecord>(json) is { Name.Length: > 0 } read && IPAddress.TryParse(read.Address, out _) ? read : null;
}

/// <summary>A node that runs: <c>nodes/&lt;name&gt;</c> in etcd, under its lease.</summary>
/// <param name="Epoch">Of its start.</param>
internal sealed record NodeRecord(string Name, uint Epoch, Guid Directory, string Version, string Address, int Port)
{
    [JsonIgnore]
    public IPEndPoint Links => new(IPAddress.Parse(Address), Port);

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    /// <summary>Null: it is none.</summary>
    public static NodeRecord? Read(ReadOnlySpan<byte> json) => JsonOf.Read<NodeRecord>(json) is { Name.Length: > 0 } read && IPAddress.TryParse(read.Address, out _) ? read : null;
}

internal static class JsonOf
{
    /// <summary>Null: it is not of this kind.</summary>
    public static T? Read<T>(ReadOnlySpan<byte> json)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
