using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amqp.Broker;
using Amqp.Management.Http;
using Amqp.Management.Logins;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Amqp.Management.OpenApi;

/// <summary>
/// The API's OpenAPI document, <c>/api/openapi.json</c>, made of its endpoints, and a page to read it in a browser, <c>/api/docs</c>. Neither needs a login:
/// they are the same for all. Nothing of them comes from another host. What only the control socket serves is not in it.
/// </summary>
internal static class ApiDocument
{
    private const string Path = "/api/openapi.json";
    private const string Page = "/api/docs";
    private const string Basic = "basic";
    private const string DocumentName = "v1"; // the framework's usual one
    private const string JsonType = "application/json";

    private const string Introduction =
        """
        RabbitMQ's management HTTP API. Names in paths are percent-encoded, and `/`, which the usual virtual host is called, is `%2F`.

        - `columns=name,messages_details.rate` has an answer show these fields only.
        - Lists can be sorted: `sort=messages&sort_reverse=true`.
        - `lengths_age=60&lengths_incr=5` adds samples of the last minute to lengths of queues; likewise `msg_rates_` to rates of messages, and `data_rates_` to those of bytes.
        - Errors are `{"error":"...","reason":"..."}`. 401 is answered to who has not logged in and to who may not do that.
        - What is ours and not RabbitMQ's says so.
        """;

    /// <summary>What makes the document; it is made when it is asked for the first time.</summary>
    public static void AddTo(IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.ShouldInclude = endpoint => endpoint.ActionDescriptor.EndpointMetadata.OfType<Right>().Any();
        options.AddOperationTransformer(Complete);
        options.AddDocumentTransformer(Introduce);
    });

    public static void Map(WebApplication application)
    {
        // Made once: any stranger can ask for it.
        byte[]? made = null;
        application.MapGet(Path, async () => Results.Bytes(made ??= await Make(application.Services), JsonType)).WithMetadata(Right.Anyone).ExcludeFromDescription();
        application.MapScalarApiReference(Page, options => options
            .WithTitle(NodeIdentity.OwnName)
            .WithOpenApiRoutePattern(Path)
            .DisableDefaultFonts()
            .DisableAgent()
            .DisableTelemetry()
            .DisableMcp()
            .HideDeveloperTools()
            .HideClientButton()).WithMetadata(Right.Anyone);
        // Where RabbitMQ has such a page.
        foreach (var path in (string[])["/api", "/api/index.html"]) application.MapGet(path, () => Results.Redirect(Page)).WithMetadata(Right.Anyone).ExcludeFromDescription();
    }

    private static async Task<byte[]> Make(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DocumentName).GetOpenApiDocumentAsync();
        return Encoding.UTF8.GetBytes(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1));
    }

    private static Task Introduce(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellation)
    {
        document.Info = new OpenApiInfo { Title = $"HTTP API of {NodeIdentity.OwnName}", Version = NodeIdentity.OwnVersion, Description = Introduction };
        // Of this host, whatever it is called from outside.
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Tags = document.Paths.Keys.Select(TagOf).Distinct(StringComparer.Ordinal).Select(tag => new OpenApiTag { Name = tag }).ToHashSet();
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [Basic] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = Basic, Description = "A user of the broker with a tag of the management." },
        };
        return Task.CompletedTask;
    }

    private static Task Complete(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellation)
    {
        var (path, method, metadata) = ($"/{context.Description.RelativePath}", new HttpMethod(context.Description.HttpMethod!), context.Description.ActionDescriptor.EndpointMetadata);
        var (right, body) = (metadata.OfType<Right>().First(), metadata.OfType<BodyExample>().FirstOrDefault());
        operation.OperationId = method.Method.ToLowerInvariant() + string.Concat(path["/api".Length..].Split('/', '-', '_', '{', '}').Where(word => word.Length > 0).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        operation.Description = $"Needs: {right.Needs}";
        operation.Tags = new HashSet<OpenApiTagReference> { new(TagOf(path), context.Document) };
        operation.Parameters = [.. NamesIn(path, operation.Parameters ?? []), .. operation.Parameters ?? [], .. method == HttpMethod.Get ? QueryOf(metadata.OfType<HasPages>().Any()) : []];
        if (body is not null) operation.RequestBody = BodyOf(body);
        operation.Responses = ResponsesOf(method, right, hasNames: path.Contains('{'), takes: body is not null || operation.Parameters.Count > 0);
        if (right != Right.Anyone) operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Basic, context.Document)] = [] }];
        return Task.CompletedTask;
    }

    private static string TagOf(string path) => path.Split('/')[2];

    /// <summary>Handlers read them out of the path themselves: see <see cref="PathNames"/>.</summary>
    private static IEnumerable<IOpenApiParameter> NamesIn(string path, IList<IOpenApiParameter> known) =>
        from segment in path.Split('/')
        where segment.StartsWith('{')
        let name = segment.Trim('{', '}').Split(':')[0]
        where known.All(parameter => parameter.Name != name)
        select new OpenApiParameter { Name = name, In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };

    private static IEnumerable<IOpenApiParameter> QueryOf(bool hasPages)
    {
        yield return Query("columns", JsonSchemaType.String, "Fields that are wanted, with commas between them.");
        if (!hasPages) yield break;
        yield return Query("page", JsonSchemaType.Integer, "From 1 on; without it the whole list is answered, as an array.");
        yield return Query("page_size", JsonSchemaType.Integer, "At most 500; 100 if it is missing.");
        yield return Query("name", JsonSchemaType.String, "Only with page: a part of the names that are wanted.");
        yield return Query("use_regex", JsonSchemaType.Boolean, "That name is a regular expression.");
        yield return Query("sort", JsonSchemaType.String, "A field, such as messages or message_stats.publish_details.rate.");
        yield return Query("sort_reverse", JsonSchemaType.Boolean, "The largest first.");
    }

    private static OpenApiParameter Query(string name, JsonSchemaType type, string description) =>
        new() { Name = name, In = ParameterLocation.Query, Description = description, Schema = new OpenApiSchema { Type = type } };

    private static OpenApiRequestBody BodyOf(BodyExample example) => new()
    {
        Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [JsonType] = new() { Schema = SchemaOf(example.Node), Example = example.Node } },
    };

    private static OpenApiSchema SchemaOf(JsonNode value) => value switch
    {
        JsonObject members => new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = members.ToDictionary(member => member.Key, member => (IOpenApiSchema)SchemaOf(member.Value!), StringComparer.Ordinal),
        },
        JsonArray items => new OpenApiSchema { Type = JsonSchemaType.Array, Items = SchemaOf(items[0]!) },
        _ => new OpenApiSchema
        {
            Type = value.GetValueKind() switch { JsonValueKind.True or JsonValueKind.False => JsonSchemaType.Boolean, JsonValueKind.Number => JsonSchemaType.Number, _ => JsonSchemaType.String },
        },
    };

    private static OpenApiResponses ResponsesOf(HttpMethod method, Right right, bool hasNames, bool takes)
    {
        var responses = new OpenApiResponses();
        if (method == HttpMethod.Put) Add("201", "It was not there before.");
        if (method == HttpMethod.Get || method == HttpMethod.Post) Add("200", "What was asked for.", isJson: true);
        if (method != HttpMethod.Get) Add("204", "Done.");
        if (takes) Add("400", "What was asked for is not possible; the reason says why.", isJson: true);
        if (right != Right.Anyone) Add("401", right == Right.Management ? "Not logged in." : $"Not logged in, or: {right.Refusal}.", isJson: true);
        if (hasNames) Add("404", "There is none of that name.", isJson: true);
        return responses;

        void Add(string status, string description, bool isJson = false) => responses[status] = new OpenApiResponse
        {
            Description = description,
            Content = isJson ? new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [JsonType] = new() } : null,
        };
    }
}
