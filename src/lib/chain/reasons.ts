/** What our contracts' own errors mean to a person: what happened, and what to do now. Names as in contracts/src/libraries/Errors.sol. */
export const reasons: Record<string, { message: string; remedy: string }> = {
	NotAllowed: { message: 'This account may not do this.', remedy: 'Use the account that owns it.' },
	UnknownContributor: {
		message: 'A contributor in this batch is not registered.',
		remedy: 'Register the contributor first, then try again.'
	},
	UnknownModel: {
		message: 'This model is not registered on this network.',
		remedy: 'Choose a registered model.'
	},
	UnknownDatanet: {
		message: 'A Datanet version that this names is not registered.',
		remedy: 'Publish that version first, then try again.'
	},
	UnknownBatch: { message: 'There is no such settlement.', remedy: 'Read the ledger again.' },
	UnknownCheckpoint: {
		message: 'There is no such reward root, or it was refuted.',
		remedy: 'Read the ledger again, then continue the newest root.'
	},
	UnknownRules: { message: 'There is no such version of the rules.', remedy: 'Read the rules again.' },
	WrongBatch: {
		message: 'The settlements that this names are not those on the chain.',
		remedy: 'Read the ledger again, then try again.'
	},
	WrongLeaves: { message: 'The weights are not those that were settled.', remedy: 'Read the ledger again.' },
	WrongPath: {
		message: 'The proof does not fit the reward root that holds now.',
		remedy: 'A newer root has become final. Read the rewards again, then claim.'
	},
	WrongWitness: {
		message: 'The recomputation does not fit the root before it.',
		remedy: 'Read the ledger again.'
	},
	MalformedProof: { message: 'The proof is damaged.', remedy: 'Read the rewards again, then try again.' },
	ZeroAmount: { message: 'The amount is zero.', remedy: 'Enter an amount.' },
	ZeroAddress: { message: 'The address is empty.', remedy: 'Enter an address.' },
	WrongNonce: {
		message: 'This settlement was already made, here or in another tab.',
		remedy: 'Nothing was paid twice. The ledger shows the settlement.'
	},
	InsufficientBalance: {
		message: 'The prepaid balance does not cover this.',
		remedy: 'Deposit more, or wait until what earlier payments locked is free again.'
	},
	MalformedLeaves: { message: 'The weights are malformed.', remedy: 'Compose the settlement again.' },
	TransferFailed: {
		message: 'The receiving address does not take the coin.',
		remedy: 'Choose another address to receive it.'
	},
	EmptyCheckpoint: { message: 'There is nothing to post.', remedy: 'Wait until something was settled.' },
	TooManyRoots: {
		message: 'These are more settlements than one root can cover.',
		remedy: 'Post fewer at once.'
	},
	NotPending: { message: 'This reward root is not waiting any more.', remedy: 'Read the ledger again.' },
	TooEarly: {
		message: 'It is too early for this.',
		remedy: 'Wait until the time that is shown, then try again.'
	},
	StepIsCorrect: {
		message: 'This reward root is right, so it cannot be refuted.',
		remedy: 'Nothing needs to be done.'
	},
	NothingHere: { message: 'There is nothing left to collect here.', remedy: 'Nothing needs to be done.' },
	OutOfBounds: {
		message: 'A number is outside the bounds that the contracts allow.',
		remedy: 'Choose a number within the bounds that are shown.'
	},
	MalformedSources: { message: 'The Datanets’ shares do not add up.', remedy: 'Let them add up to 100 %.' },
	LengthMismatch: {
		message: 'Two lists that belong together differ in length.',
		remedy: 'Compose it again.'
	},
	UnitsOnlyGrow: {
		message: 'Units can only be raised.',
		remedy: 'Give more units than the contributor holds already.'
	},
	StakeTooSmall: { message: 'The stake is too small.', remedy: 'Stake at least what the rules ask for.' },
	StillUnbonding: { message: 'The stake is still unbonding.', remedy: 'Wait until the date that is shown.' },
	NotDrawn: { message: 'This settlement was not drawn for an audit.', remedy: 'Nothing needs to be done.' },
	AlreadyDone: { message: 'This was done already.', remedy: 'Nothing needs to be done.' },
	WrongReveal: {
		message: 'What is shown is not what was settled.',
		remedy: 'Show the stored receipts unchanged.'
	},
	ClaimIsCorrect: { message: 'What is accused is right.', remedy: 'Nothing needs to be done.' },
	// OpenZeppelin's, as far as a person can meet them
	GovernorInsufficientProposerVotes: {
		message: 'This account has too few votes to propose.',
		remedy: 'Wrap more OPEN into gOPEN and delegate it to yourself; votes count from the next second.'
	},
	GovernorUnexpectedProposalState: {
		message: 'The proposal is not at the stage for this.',
		remedy: 'Look at its timeline: it is too early, too late, or done already.'
	},
	GovernorAlreadyCastVote: {
		message: 'This account has voted already.',
		remedy: 'Nothing needs to be done.'
	},
	GovernorNonexistentProposal: { message: 'There is no such proposal.', remedy: 'Read the proposals again.' },
	TimelockUnexpectedOperationState: {
		message: 'The waiting time after the vote is not over.',
		remedy: 'Execute it once the time that is shown has come.'
	},
	ERC20InsufficientBalance: { message: 'There is not enough gOPEN.', remedy: 'Choose a smaller amount.' },
	ERC20InsufficientAllowance: {
		message: 'The contract may not take the tokens.',
		remedy: 'Approve the amount first.'
	}
};
